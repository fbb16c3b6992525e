// Files of a course from Holdfast: one call, then plain files.
//
//   const course = await ensure('physics101', ['render:mechanics/lever']);
//   try { fs.readFileSync(`${course.dir}/questions/mechanics/lever/question.html`) } finally { course.release() }
//
// The files stay, and stay as they are, until release is called or the process dies.
const http = require('node:http')

const SOCKET = process.env.HOLDFAST_CONTENT_SOCKET ?? '/var/lib/holdfast/content.sock'

// ensure returns dir, revision, chunks, url, absent and stale of what is wanted and all that it needs.
function ensure(source, want, { revision = 'current', socketPath = SOCKET } = {}) {
  return new Promise((resolve, reject) => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 }) // the lease hangs on its connection
    const call = { agent, socketPath, method: 'POST', path: '/v1/content/ensure' }
    const request = http.request(call, async (reply) => {
      let text = ''
      for await (const piece of reply.setEncoding('utf8')) text += piece
      const answer = JSON.parse(text)
      if (reply.statusCode === 200) return resolve({ ...answer, release: () => agent.destroy() })
      agent.destroy()
      reject(new Error(`${answer.error.message}; ${answer.error.hint ?? ''}`))
    })
    request.on('error', reject)
    request.end(JSON.stringify({ source, revision, want }))
  })
}

module.exports = { ensure }
