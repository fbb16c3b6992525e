"""Signs links to files that Holdfast stores. Standard library only; docs/formats.md explains the format.

key is what `holdfast files linkkey show BUCKET` prints, blob the id of the stored file (answer of an upload, or `holdfast
files stat`). A link to a replaced or deleted file is refused.
"""
import base64, hashlib, hmac, time
from urllib.parse import quote


def _field(value):
    value = str(value).encode()
    return b"%d:%s," % (len(value), value)


def _mac(key, message):
    return hmac.new(key, message, hashlib.sha256).digest()


def _base64url(value):
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def sign_link(key, blob, name, ttl=3600, attachment=False, media_type="", shared=False, session="", window=900, now=None):
    kid, bucket, epoch, secret = key.split(":", 3)
    expires = -(-(int(time.time() if now is None else now) + ttl) // window) * window
    flags = ("a" if attachment else "i") + ("s" if session else "c" if shared else "")
    flags += "-" + _base64url(media_type.encode()) if media_type else ""
    # HKDF (RFC 5869): extract with the version as salt, expand one block.
    derived = _mac(_mac(b"holdfast-link-1", secret.encode()), _field("get") + _field(bucket) + _field(epoch) + b"\x01")
    message = b"".join(map(_field, [
        "holdfast-link-1", "get", bucket, blob, "", expires, "attachment" if attachment else "inline", media_type, "", "",
        hashlib.sha256(session.encode()).hexdigest() if session else "", "shared" if shared else "", name]))
    signature = _base64url(_mac(derived, message)[:16])
    return f"/m/{kid}.{expires}.{flags}.{signature}/{blob}/{quote(name, safe='')}"
