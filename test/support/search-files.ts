/** Looks for texts in every file of a folder, in each form that one may be written in. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The text as bytes: as it is, as JSON, UTF-16, hex, and base64 wherever it may begin in a longer one. */
function formsOf(text: string): readonly { readonly form: string; readonly bytes: Buffer }[] {
  const plain = Buffer.from(text)
  const escaped = [...text].map((letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')
  const base64 = [0, 1, 2].flatMap((shift) => {
    const encoded = Buffer.concat([Buffer.alloc(shift), plain]).toString('base64')
    // Letters at the edges also hold bits of what stands beside the text.
    const whole = encoded.slice(shift === 0 ? 0 : shift === 1 ? 2 : 3).replace(/=+$/, '')
    return [whole.slice(0, -1), whole.slice(0, -1).replaceAll('+', '-').replaceAll('/', '_')]
  })
  return [
    { form: 'as it is', bytes: plain },
    { form: 'lower case', bytes: Buffer.from(text.toLowerCase()) },
    { form: 'JSON', bytes: Buffer.from(JSON.stringify(text).slice(1, -1)) },
    { form: 'JSON in JSON', bytes: Buffer.from(JSON.stringify(JSON.stringify(text)).slice(3, -3)) },
    { form: 'JSON escapes', bytes: Buffer.from(escaped) },
    { form: 'UTF-16LE', bytes: Buffer.from(text, 'utf16le') },
    { form: 'UTF-16BE', bytes: Buffer.from(text, 'utf16le').swap16() },
    { form: 'hex', bytes: Buffer.from(plain.toString('hex')) },
    ...base64.map((one) => ({ form: 'base64', bytes: Buffer.from(one) })),
  ]
}

/** Each text that stands in some file, with the file and the form. */
export function textsFound(folder: string, texts: readonly string[]): readonly string[] {
  const found: string[] = []
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const content = readFileSync(path)
    for (const text of texts)
      for (const { form, bytes } of formsOf(text))
        if (content.includes(bytes)) found.push(`\`${text}\` stands in ${entry.name}, ${form}`)
  }
  return found
}
