// A witness written from C2SP tlog-witness, tlog-cosignature, tlog-checkpoint, signed-note and RFC 6962 alone, for tests: it imports nothing of this
// repository, so what it accepts was not shaped by what it judges. One log, one file of state. node other-witness.mjs --dir D --name N --port P --log-vkey V
import { createHash, createPublicKey, generateKeyPairSync, createPrivateKey, sign, verify } from 'node:crypto'
import { existsSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync, closeSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const text = { type: 'string' }
const { values: given } = parseArgs({ options: { dir: text, name: text, port: text, 'log-vkey': text } })
const keyFile = join(given.dir, 'key.pem')
const stateFile = join(given.dir, 'state.json')
if (!existsSync(keyFile))
  writeFileSync(keyFile, generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }))
const secret = createPrivateKey(readFileSync(keyFile))
const rawPublic = createPublicKey(secret).export({ format: 'der', type: 'spki' }).subarray(-32)
const typed = Buffer.concat([Buffer.from([4]), rawPublic])
const sha = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest()
const keyId = sha(given.name, '\n', typed).subarray(0, 4)

// name+hash+base64(0x01 || key); names may hold anything but + and white space
const [logName, logHash, logKey] = given['log-vkey'].split(/\+(?=[0-9a-f]{8}\+)|(?<=\+[0-9a-f]{8})\+/)
const logPublic = createPublicKey({
  key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(logKey, 'base64').subarray(1).toString('base64url') },
  format: 'jwk',
})
const logId = Buffer.from(logHash, 'hex')

let state = existsSync(stateFile)
  ? JSON.parse(readFileSync(stateFile, 'utf8'))
  : { size: 0, root: sha('').toString('base64'), note: null }

function keep(next) {
  const file = openSync(`${stateFile}.next`, 'w')
  writeFileSync(file, JSON.stringify(next))
  fsyncSync(file)
  closeSync(file)
  renameSync(`${stateFile}.next`, stateFile)
  state = next
}

const node = (left, right) => sha(Buffer.from([1]), left, right)

// RFC 6962 section 2.1.2, read backwards: what the proof says the old root and the new root are.
function consistent(oldSize, newSize, oldRoot, newRoot, proof) {
  if (oldSize === newSize) return proof.length === 0 && oldRoot.equals(newRoot)
  if (oldSize === 0) return proof.length === 0
  const rest = [...proof]
  const walk = (m, n, whole) => {
    if (m === n) {
      const hash = whole ? oldRoot : rest.shift()
      return [hash, hash]
    }
    let split = 1
    while (split * 2 < n) split *= 2
    if (m <= split) {
      const [before, after] = walk(m, split, whole)
      const right = rest.shift()
      return [before, node(after, right)]
    }
    const [before, after] = walk(m - split, n - split, false)
    const left = rest.shift()
    return [node(left, before), node(left, after)]
  }
  try {
    const [before, after] = walk(oldSize, newSize, true)
    return rest.length === 0 && before.equals(oldRoot) && after.equals(newRoot)
  } catch {
    return false
  }
}

function addCheckpoint(body) {
  const end = body.indexOf('\n\n')
  const [old, ...proof] = body.slice(0, end).split('\n')
  const note = body.slice(end + 2)
  if (end < 0 || !/^old (0|[1-9][0-9]*)$/.test(old) || proof.length > 63) return [400, 'malformed\n']
  const oldSize = Number(old.slice(4))
  const cut = note.lastIndexOf('\n\n') + 1
  const signed = note.slice(0, cut)
  const [origin, sizeLine, root] = signed.split('\n')
  if (origin !== logName) return [404, 'unknown log\n']
  const good = note
    .slice(cut + 1)
    .split('\n')
    .filter((line) => line.startsWith(`\u2014 ${logName} `))
    .map((line) => Buffer.from(line.slice(`\u2014 ${logName} `.length), 'base64'))
    .some((blob) => blob.subarray(0, 4).equals(logId) && verify(null, Buffer.from(signed), logPublic, blob.subarray(4)))
  if (!good) return [403, 'no signature of the log\n']
  const size = Number(sizeLine)
  if (oldSize > size) return [400, 'old is larger\n']
  if (oldSize !== state.size) return [409, `${state.size}\n`, 'text/x.tlog.size']
  if (size === state.size && root !== state.root) return [409, 'another root for this size\n']
  const hashes = proof.map((line) => Buffer.from(line, 'base64'))
  if (!consistent(oldSize, size, Buffer.from(state.root, 'base64'), Buffer.from(root, 'base64'), hashes))
    return [422, 'the proof does not verify\n']
  const seconds = Math.floor(Date.now() / 1000)
  const time = Buffer.alloc(8)
  time.writeBigUInt64BE(BigInt(seconds))
  const signature = sign(null, Buffer.from(`cosignature/v1\ntime ${seconds}\n${signed}`), secret)
  const line = `\u2014 ${given.name} ${Buffer.concat([keyId, time, signature]).toString('base64')}\n`
  keep({ size, root, note: note + line })
  return [200, line]
}

const server = createServer((request, response) => {
  const chunks = []
  request.on('data', (chunk) => chunks.push(chunk))
  request.on('end', () => {
    const reply = (status, body, type = 'text/plain') => response.writeHead(status, { 'content-type': type }).end(body)
    if (request.method === 'POST' && request.url === '/add-checkpoint')
      return reply(...addCheckpoint(Buffer.concat(chunks).toString('utf8')))
    const known = request.url === `/${sha(logName).toString('hex')}/checkpoint` && state.note !== null
    return known ? reply(200, state.note) : reply(404, 'nothing here\n')
  })
})
server.listen(Number(given.port), '127.0.0.1', () => {
  const vkey = `${given.name}+${keyId.toString('hex')}+${typed.toString('base64')}`
  console.log(JSON.stringify({ url: `http://127.0.0.1:${server.address().port}`, vkey }))
})
