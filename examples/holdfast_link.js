// Signs links to files that Holdfast stores. Standard library only; docs/formats.md explains the format.
//
// key is what `holdfast files linkkey show BUCKET` prints, blob the id of the stored file (answer of an upload, or `holdfast
// files stat`). A link to a replaced or deleted file is refused.
'use strict'
const { createHash, createHmac } = require('node:crypto')

const field = (value) => `${Buffer.byteLength(String(value))}:${value},`
const mac = (key, message) => createHmac('sha256', key).update(message).digest()
const escape = (s) => encodeURIComponent(s).replace(/[!'()*]/g, (c) => '%' + c.charCodeAt(0).toString(16).toUpperCase())

function signLink (key, blob, name, options = {}) {
  const { ttl = 3600, attachment = false, mediaType = '', shared = false, session = '', window = 900, now = Date.now() / 1000 } = options
  const [kid, bucket, epoch, secret] = key.split(':')
  const expires = Math.ceil((Math.floor(now) + ttl) / window) * window
  let flags = (attachment ? 'a' : 'i') + (session ? 's' : shared ? 'c' : '')
  if (mediaType) flags += '-' + Buffer.from(mediaType).toString('base64url')
  // HKDF (RFC 5869): extract with the version as salt, expand one block.
  const derived = mac(mac('holdfast-link-1', secret), field('get') + field(bucket) + field(epoch) + '\x01')
  const message = [
    'holdfast-link-1', 'get', bucket, blob, '', expires, attachment ? 'attachment' : 'inline', mediaType, '', '',
    session ? createHash('sha256').update(session).digest('hex') : '', shared ? 'shared' : '', name
  ].map(field).join('')
  const signature = mac(derived, message).subarray(0, 16).toString('base64url')
  return `/m/${kid}.${expires}.${flags}.${signature}/${blob}/${escape(name)}`
}

module.exports = { signLink }
