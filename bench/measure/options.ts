/** Arguments of the tool. */
import { parseArgs } from 'node:util'
import { FULL, QUICK, type Sizes, type Suite } from './suite.ts'

export interface Options {
  readonly json: boolean
  readonly sizes: Sizes
  readonly suites: readonly Suite[]
  /** Folder on the disk to be measured. */
  readonly folder: string
  /** Write bench/RESULTS.md. Not when only some suites run: it would lose the others. */
  readonly write: boolean
}

export const USAGE = 'usage: npm run bench [-- --json] [--only name,…] [--quick] [--dir FOLDER]'

/** @throws Error with a message for the one who typed */
export function readOptions(arguments_: readonly string[], all: readonly Suite[], folder: string): Options {
  const { values } = parseArgs({
    args: [...arguments_],
    options: {
      json: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      dir: { type: 'string', default: folder },
    },
  })
  const names = values.only?.split(',') ?? all.map(({ name }) => name)
  const suites = names.map((name) => {
    const suite = all.find((one) => one.name === name)
    if (suite === undefined)
      throw new Error(`there is no suite \`${name}\`, only ${all.map((one) => one.name).join(', ')}`)
    return suite
  })
  return {
    json: values.json,
    sizes: values.quick ? QUICK : FULL,
    suites,
    folder: values.dir,
    write: suites.length === all.length,
  }
}
