/** The signer's door: a unix socket that its owner alone may open. */
import { chmodSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { Problem, problem } from '../../model/problems.ts'
import { Lines, parseRequest, type SignerReply, type SignerRequest } from './protocol.ts'
import type { Signer } from './signer.ts'

const CONNECTIONS_MAX = 16 // a writer, and operators' tools

/** @param mode of the socket; the folder that it is in is the owner's alone until then @returns stops it */
export async function serveSigner(signer: Signer, path: string, mode: number): Promise<() => Promise<void>> {
  const open = new Set<Socket>()
  const server = createServer((socket) => {
    open.add(socket)
    socket.on('close', () => open.delete(socket)).on('error', () => socket.destroy())
    converse(signer, socket)
  })
  server.maxConnections = CONNECTIONS_MAX
  rmSync(path, { force: true }) // left by a signer that was killed: the directory's lock is ours
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(path, resolve)
  }).catch((error: unknown) => {
    throw problem('usage', `\`${path}\` cannot be a socket: ${(error as Error).message}`, {}, error)
  })
  chmodSync(path, mode)
  return async () => {
    const closed = new Promise((resolve) => server.close(resolve))
    for (const socket of open) socket.end()
    await closed
  }
}

function converse(signer: Signer, socket: Socket): void {
  const lines = new Lines()
  socket.setEncoding('utf8').on('data', (text) => {
    const whole = lines.take(String(text))
    if (whole === null) return void socket.destroy()
    for (const line of whole) void answerLine(signer, line).then((reply) => socket.write(`${JSON.stringify(reply)}\n`))
  })
}

async function answerLine(signer: Signer, line: string): Promise<SignerReply> {
  let id = -1
  try {
    const request = parseRequest(line)
    id = request.id
    return { id, answer: await answerTo(signer, request) }
  } catch (error) {
    const { code, detail, members } =
      error instanceof Problem ? error : problem('bug', `the signer failed: ${String(error)}`)
    return { id, problem: { code, detail, members } }
  }
}

function answerTo(signer: Signer, request: SignerRequest): Promise<unknown> {
  switch (request.ask) {
    case 'claim':
      return signer.claim()
    case 'standing':
      return signer.standing()
    case 'prepare-rotation':
      return signer.prepareRotation(request.afterNext, request.release)
    case 'sign':
      return signer.sign(request.request)
    default:
      return request satisfies never
  }
}
