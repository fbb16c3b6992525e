<?php
// Signs links to files that Holdfast stores. Standard library only; docs/formats.md explains the format.
//
// $key is what `holdfast files linkkey show BUCKET` prints, $blob the id of the stored file (answer of an upload, or `holdfast
// files stat`). A link to a replaced or deleted file is refused.
declare(strict_types=1);

function holdfast_field(string|int $value): string
{
    return strlen((string) $value) . ':' . $value . ',';
}

function holdfast_base64url(string $value): string
{
    return rtrim(strtr(base64_encode($value), '+/', '-_'), '=');
}

function holdfast_sign_link(string $key, string $blob, string $name, int $ttl = 3600, bool $attachment = false,
    string $media_type = '', bool $shared = false, string $session = '', int $window = 900, ?int $now = null): string
{
    [$kid, $bucket, $epoch, $secret] = explode(':', $key, 4);
    $expires = intdiv(($now ?? time()) + $ttl + $window - 1, $window) * $window;
    $flags = ($attachment ? 'a' : 'i') . ($session !== '' ? 's' : ($shared ? 'c' : ''));
    $flags .= $media_type !== '' ? '-' . holdfast_base64url($media_type) : '';
    $info = holdfast_field('get') . holdfast_field($bucket) . holdfast_field($epoch);
    $derived = hash_hkdf('sha256', $secret, 32, $info, 'holdfast-link-1');
    $message = implode('', array_map('holdfast_field', [
        'holdfast-link-1', 'get', $bucket, $blob, '', $expires, $attachment ? 'attachment' : 'inline', $media_type, '', '',
        $session !== '' ? hash('sha256', $session) : '', $shared ? 'shared' : '', $name]));
    $signature = holdfast_base64url(substr(hash_hmac('sha256', $message, $derived, true), 0, 16));
    return "/m/$kid.$expires.$flags.$signature/$blob/" . rawurlencode($name);
}
