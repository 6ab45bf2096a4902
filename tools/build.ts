/**
 * Builds the package that is published: dist/ with plain JavaScript, declarations and a package.json of its own (`npm pack ./dist`).
 * Node does not strip types below node_modules, so a published package must not hold TypeScript that it runs.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'

rmSync('dist', { recursive: true, force: true })
mkdirSync('dist', { recursive: true })
const compiled = spawnSync('tsc', ['-p', 'tools/tsconfig.build.json'], { stdio: 'inherit', shell: false })
if (compiled.status !== 0) process.exit(1)

// Programs that are sent into cells are put together from their sources when they start: they stay sources.
const CELL_PROGRAMS = 'dist/src/sandbox/assemble.js'
for (const file of globSync(['src/sandbox/cell/*.ts', 'src/sandbox/guest/*.ts', 'src/sandbox/jail/probe-program.ts']))
  cpSync(file, `dist/${file}`)

// Imports are rewritten by the compiler; files named in strings (threads, child processes) are not.
for (const file of globSync('dist/src/**/*.js')) {
  if (file === CELL_PROGRAMS) continue
  const text = readFileSync(file, 'utf8')
  const rewritten = text.replace(/(['"`])(\.{1,2}\/[^'"`\n]+)\.ts\1/g, '$1$2.js$1')
  if (rewritten !== text) writeFileSync(file, rewritten)
}

const own = JSON.parse(readFileSync('package.json', 'utf8')) as Record<string, unknown>
const exported = (path: string): Record<string, string> => ({
  types: `./src/${path}.d.ts`,
  default: `./src/${path}.js`,
})
const { private: _private, scripts: _scripts, devDependencies: _dev, allowScripts: _allow, ...published } = own
writeFileSync(
  'dist/package.json',
  `${JSON.stringify(
    {
      ...published,
      exports: {
        '.': exported('index'),
        './client': exported('client/client'),
        './client/log': exported('client/log/log'),
        './testing': exported('main/testing'),
        './package.json': './package.json',
      },
      files: ['bin', 'src', 'examples', 'docs', 'README.md', 'CHANGELOG.md', 'SECURITY.md', 'LICENSE'],
    },
    null,
    2,
  )}\n`,
)
// What goes wrong names the page of docs/operating/ that helps.
for (const file of ['bin', 'docs', 'README.md', 'CHANGELOG.md', 'SECURITY.md', 'LICENSE'])
  cpSync(file, `dist/${file}`, { recursive: true })
// Applications are bundled for the sandbox, never run by Node, so the starter stays as it was written. The others need a generator that is not
// part of the package.
cpSync('examples/starter', 'dist/examples/starter', { recursive: true })
console.log(`built dist/: ${globSync('dist/src/**/*.js').length} modules; \`npm pack ./dist\` packs it`)
