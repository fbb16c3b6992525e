# Signs links to files that Holdfast stores. Standard library only; docs/formats.md explains the format.
#
# key is what `holdfast files linkkey show BUCKET` prints, blob the id of the stored file (answer of an upload, or `holdfast
# files stat`). A link to a replaced or deleted file is refused.
require "digest"
require "erb"
require "openssl"

module HoldfastLink
  module_function

  def field(value) = "#{value.to_s.bytesize}:#{value},".b
  def mac(key, message) = OpenSSL::HMAC.digest("SHA256", key, message)
  def base64url(value) = [value].pack("m0").tr("+/", "-_").delete("=")

  def sign(key, blob, name, ttl: 3600, attachment: false, media_type: "", shared: false, session: "", window: 900, now: Time.now)
    kid, bucket, epoch, secret = key.split(":", 4)
    expires = -(-(now.to_i + ttl) / window) * window
    flags = (attachment ? "a" : "i") + (session != "" ? "s" : shared ? "c" : "")
    flags += "-" + base64url(media_type) if media_type != ""
    # HKDF (RFC 5869): extract with the version as salt, expand one block.
    derived = mac(mac("holdfast-link-1", secret), field("get") + field(bucket) + field(epoch) + "\x01".b)
    message = [
      "holdfast-link-1", "get", bucket, blob, "", expires, attachment ? "attachment" : "inline", media_type, "", "",
      session != "" ? Digest::SHA256.hexdigest(session) : "", shared ? "shared" : "", name
    ].map { |f| field(f) }.join
    signature = base64url(mac(derived, message)[0, 16])
    "/m/#{kid}.#{expires}.#{flags}.#{signature}/#{blob}/#{ERB::Util.url_encode(name)}"
  end
end
