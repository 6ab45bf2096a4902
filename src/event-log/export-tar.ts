/**
 * Plain ustar, in the one form that a bundle has: regular files of mode 0644, owned by nobody, of no time. Every header byte follows from name
 * and size, so that the same log gives the same bytes, and a verifier can refuse any other.
 */

export const TAR_BLOCK_BYTES = 512
const NAME_BYTES_MAX = 100
const SIZE_BYTES_MAX = 8 ** 11 - 1 // eleven octal digits: 8 GiB

/** Two blocks of zeros end an archive. */
export const TAR_END = new Uint8Array(2 * TAR_BLOCK_BYTES)

/** Header block of one file. @throws RangeError for what ustar cannot say */
export function tarHeader(name: string, sizeBytes: number): Uint8Array {
  if (Buffer.byteLength(name) > NAME_BYTES_MAX) throw new RangeError(`\`${name}\` is too long for the name of a file`)
  if (sizeBytes > SIZE_BYTES_MAX) throw new RangeError(`\`${name}\` is too large for an archive`)
  const header = Buffer.alloc(TAR_BLOCK_BYTES)
  header.write(name, 0)
  header.write('0000644\0' + '0000000\0' + '0000000\0', 100)
  header.write(`${sizeBytes.toString(8).padStart(11, '0')}\0${'0'.repeat(11)}\0`, 124)
  header.write(' '.repeat(8), 148)
  header.write('0', 156)
  header.write('ustar\0' + '00', 257)
  header.write('0000000\0' + '0000000\0', 329)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return header
}

/** Zeros that fill up the last block of a file. */
export const tarPadding = (sizeBytes: number): Uint8Array =>
  new Uint8Array((TAR_BLOCK_BYTES - (sizeBytes % TAR_BLOCK_BYTES)) % TAR_BLOCK_BYTES)
