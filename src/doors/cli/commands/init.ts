/** `plinth init NAME`: the starter example as a folder of one's own. What is written is what our tests run. */
import { cp, readFile, writeFile, access } from 'node:fs/promises'
import { basename, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { problem } from '../../../model/problems.ts'
import type { CommandCall } from '../command.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'

const PACKAGE_ROOT = fileURLToPath(new URL('../../../../', import.meta.url))
const STARTER = join(PACKAGE_ROOT, 'examples/starter')
const STARTER_NAME = 'shop'
const NAME = /^[a-z][a-z0-9-]{0,39}$/ // an npm package name and an application name at once

export async function run({ words, terminal }: CommandCall): Promise<ExitCode> {
  const folder = resolve(words[0] ?? '')
  const name = basename(folder)
  if (!NAME.test(name))
    throw problem('usage', `\`${name}\` is not a usable name: lower-case letters, digits and \`-\`, at most 40`, {
      command: 'init',
    })
  if (await exists(folder)) throw problem('usage', `\`${folder}\` is there already`, { command: 'init' })
  await cp(STARTER, folder, { recursive: true })
  await rename(join(folder, 'index.ts'), name)
  await rename(join(folder, 'shop.test.ts'), name)
  await writeFile(join(folder, 'package.json'), `${JSON.stringify(await packageJson(name, folder), null, 2)}\n`)
  await writeFile(join(folder, 'tsconfig.json'), `${JSON.stringify(TSCONFIG, null, 2)}\n`)
  await writeFile(join(folder, '.gitignore'), 'node_modules/\n.plinth/\n')
  if (terminal.json) terminal.data(JSON.stringify({ kind: 'initialised', name, folder }))
  else
    terminal.data(
      [
        `${name} is in ${folder}`,
        `  index.ts          the application: edit it first`,
        `  policies/         who may do what, in Cedar`,
        `  shop.test.ts      its test`,
        '',
        'next',
        `  cd ${relative(process.cwd(), folder)} && npm install`,
        '  npm run dev',
      ].join('\n'),
    )
  return EXIT.ok
}

async function rename(file: string, name: string): Promise<void> {
  const text = await readFile(file, 'utf8')
  await writeFile(file, text.replaceAll(`application('${STARTER_NAME}'`, `application('${name}'`))
}

/** From a checkout the new folder points at it; from a published package it asks for the same version. */
async function packageJson(name: string, folder: string): Promise<unknown> {
  const own = JSON.parse(await readFile(join(PACKAGE_ROOT, 'package.json'), 'utf8')) as OwnPackage
  const published = PACKAGE_ROOT.includes('/node_modules/')
  return {
    name,
    private: true,
    type: 'module',
    scripts: { dev: 'plinth dev', start: 'plinth start', test: 'node --test', types: 'tsc -p .' },
    dependencies: {
      plinth: published ? own.version : `file:${relative(folder, PACKAGE_ROOT).replaceAll('\\', '/')}`,
      zod: own.dependencies['zod'],
    },
    devDependencies: { '@types/node': '24.19.2', node: '24.21.0', typescript: '7.0.2' },
    allowScripts: { node: true },
  }
}
interface OwnPackage {
  readonly version: string
  readonly dependencies: Readonly<Record<string, string>>
}

const TSCONFIG = {
  compilerOptions: {
    target: 'es2024',
    module: 'nodenext',
    types: ['node'],
    noEmit: true,
    strict: true,
    erasableSyntaxOnly: true,
    allowImportingTsExtensions: true,
    skipLibCheck: true,
  },
  include: ['*.ts'],
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch {
    return false
  }
}
