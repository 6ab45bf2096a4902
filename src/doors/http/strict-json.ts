/**
 * Reads one JSON value from bytes that nobody vouches for. Stricter than `JSON.parse`, so that every reader of the same bytes sees the same value:
 * UTF-8 without replacement, no byte order mark, no member name twice, no `__proto__`, no lone surrogate, no number that a double cannot hold,
 * nested at most `JSON_DEPTH_MAX` deep, nothing behind the value. What it accepts, it reads as `JSON.parse` does (but `-0` is 0).
 */
import { isUtf8 } from 'node:buffer'
import type { Json } from '../../model/json.ts'
import { problem, type Problem } from '../../model/problems.ts'

/** Levels of arrays and objects inside each other. */
export const JSON_DEPTH_MAX = 64

/** @throws `malformed-json`, with the offset in UTF-16 code units where reading stopped. */
export function readJsonBytes(bytes: Buffer): Json {
  if (!isUtf8(bytes)) throw problem('malformed-json', 'the text is not valid UTF-8')
  return readJson(bytes.toString('utf8'))
}

/** As `readJsonBytes`, for text that is well-formed already. */
export function readJson(text: string): Json {
  const reader = new Reader(text)
  return reader.read()
}

const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y

class Reader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  read(): Json {
    const value = this.#value(0)
    this.#space()
    if (this.#at < this.#text.length) throw this.#wrong('nothing more was expected')
    return value
  }

  #value(depth: number): Json {
    this.#space()
    switch (this.#text.charCodeAt(this.#at)) {
      case 0x7b:
        return this.#object(depth + 1)
      case 0x5b:
        return this.#array(depth + 1)
      case 0x22:
        return this.#string()
      case 0x74:
        return this.#word('true', true)
      case 0x66:
        return this.#word('false', false)
      case 0x6e:
        return this.#word('null', null)
      default:
        return this.#number()
    }
  }

  #object(depth: number): Json {
    this.#enter(depth)
    const members: Record<string, Json> = {}
    if (this.#closes(0x7d)) return members
    for (;;) {
      this.#space()
      if (this.#text.charCodeAt(this.#at) !== 0x22) throw this.#wrong('a member name was expected')
      const nameAt = this.#at
      const name = this.#string()
      if (name === '__proto__') throw this.#wrong('no member may be named `__proto__`', nameAt)
      if (Object.hasOwn(members, name)) throw this.#wrong('a member name stands twice', nameAt)
      this.#space()
      if (this.#text.charCodeAt(this.#at) !== 0x3a) throw this.#wrong('`:` was expected')
      this.#at++
      members[name] = this.#value(depth)
      if (this.#ends(0x7d, '`,` or `}` was expected')) return members
    }
  }

  #array(depth: number): Json {
    this.#enter(depth)
    const items: Json[] = []
    if (this.#closes(0x5d)) return items
    for (;;) {
      items.push(this.#value(depth))
      if (this.#ends(0x5d, '`,` or `]` was expected')) return items
    }
  }

  #enter(depth: number): void {
    if (depth > JSON_DEPTH_MAX) throw this.#wrong(`the value is nested more than ${JSON_DEPTH_MAX} deep`)
    this.#at++
  }

  #closes(close: number): boolean {
    this.#space()
    if (this.#text.charCodeAt(this.#at) !== close) return false
    this.#at++
    return true
  }

  /** True at the closing bracket, false behind a comma. */
  #ends(close: number, expected: string): boolean {
    this.#space()
    const code = this.#text.charCodeAt(this.#at)
    if (code !== close && code !== 0x2c) throw this.#wrong(expected)
    this.#at++
    return code === close
  }

  #string(): string {
    const text = this.#text
    const start = this.#at
    let escaped = false
    for (let at = start + 1; at < text.length; at++) {
      const code = text.charCodeAt(at)
      if (code === 0x22) {
        this.#at = at + 1
        return escaped ? this.#unescaped(start) : text.slice(start + 1, at)
      }
      if (code === 0x5c) {
        escaped = true
        at++ // what follows a backslash cannot end the string; which escapes there are is checked below
      } else if (code < 0x20) throw this.#wrong('a control character must be escaped', at)
    }
    throw this.#wrong('a string does not end', start)
  }

  #unescaped(start: number): string {
    let value: string
    try {
      value = JSON.parse(this.#text.slice(start, this.#at)) as string
    } catch {
      throw this.#wrong('a string holds an escape that does not exist', start)
    }
    if (!value.isWellFormed()) throw this.#wrong('a string holds half of a surrogate pair', start)
    return value
  }

  #number(): number {
    NUMBER.lastIndex = this.#at
    const match = NUMBER.exec(this.#text)
    if (match === null) throw this.#wrong('a value was expected')
    const value = Number(match[0])
    if (!Number.isFinite(value)) throw this.#wrong('the number is out of range')
    const written = match[1] === undefined && match[2] === undefined
    if (written && !Number.isSafeInteger(value))
      throw this.#wrong('the whole number is beyond 2^53 - 1; send it as a string')
    this.#at = NUMBER.lastIndex
    return value === 0 ? 0 : value
  }

  #word<T extends boolean | null>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) throw this.#wrong('a value was expected')
    this.#at += word.length
    return value
  }

  #space(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at)
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return
      this.#at++
    }
  }

  #wrong(what: string, at = this.#at): Problem {
    return problem('malformed-json', what, { offset: at })
  }
}
