/** The wire between the engine and a cell, as the engine writes and reads it. The layout is explained in `process.ts`. */

export const OPS = {
  setup: 0,
  load: 1,
  unload: 2,
  start: 3,
  resume: 4,
  drop: 5,
  fold: 6,
  map: 7,
  describe: 8,
} as const
export type Op = keyof typeof OPS

const STATUSES = { 2: 'done', 3: 'wanted', 4: 'failed', 5: 'tainted' } as const
export type Status = (typeof STATUSES)[keyof typeof STATUSES]

export interface ReplyFrame {
  readonly status: Status
  readonly id: number
  readonly cpuUs: number
  readonly text: string
}

const HEADER_BYTES = 13

export function encodeFrame(op: Op, id: number, release: number, text: string): Buffer {
  const bytes = Buffer.byteLength(text)
  const frame = Buffer.allocUnsafe(HEADER_BYTES + bytes)
  frame.writeUInt32LE(HEADER_BYTES - 4 + bytes, 0)
  frame[4] = OPS[op]
  frame.writeUInt32LE(id, 5)
  frame.writeUInt32LE(release, 9)
  frame.write(text, HEADER_BYTES, 'utf8')
  return frame
}

/** Cuts a stream of bytes into frames. A frame that is too long, too short, or of no known status is a lie: `reject` is called, once. */
export class FrameReader {
  readonly #maxBytes: number
  readonly #accept: (frame: ReplyFrame) => void
  readonly #reject: (why: string) => void
  /** Bytes of an unfinished frame. They are joined when it is whole: joining at every chunk would copy a long frame many times. */
  #chunks: Buffer[] = []
  #held = 0
  #needed = HEADER_BYTES
  #stopped = false

  constructor(maxBytes: number, accept: (frame: ReplyFrame) => void, reject: (why: string) => void) {
    this.#maxBytes = maxBytes
    this.#accept = accept
    this.#reject = reject
  }

  push(chunk: Buffer): void {
    if (this.#stopped) return
    this.#held += chunk.length
    if (this.#held < this.#needed) {
      this.#chunks.push(chunk)
      return
    }
    const bytes = this.#chunks.length === 0 ? chunk : Buffer.concat([...this.#chunks, chunk])
    const rest = this.#read(bytes)
    this.#chunks = rest.length === 0 ? [] : [rest]
    this.#held = rest.length
  }

  #read(bytes: Buffer): Buffer {
    let at = 0
    this.#needed = HEADER_BYTES
    while (!this.#stopped && bytes.length - at >= HEADER_BYTES) {
      const length = bytes.readUInt32LE(at)
      const status = STATUSES[bytes[at + 4] as keyof typeof STATUSES]
      if (length < HEADER_BYTES - 4 || length > this.#maxBytes) return this.#stop(`a frame of ${length} bytes`)
      if (status === undefined) return this.#stop('a frame of no known status')
      const end = at + 4 + length
      if (bytes.length < end) {
        this.#needed = end - at
        break
      }
      const text = bytes.toString('utf8', at + HEADER_BYTES, end)
      at = end
      this.#accept({
        status,
        id: bytes.readUInt32LE(end - length + 1),
        cpuUs: bytes.readUInt32LE(end - length + 5),
        text,
      })
    }
    return bytes.subarray(at)
  }

  #stop(why: string): Buffer {
    this.#stopped = true
    this.#reject(why)
    return Buffer.alloc(0)
  }

  /** Takes no more: the cell is being killed. */
  stop(): void {
    this.#stopped = true
  }
}
