/** Reads every import of src/ and verifier/ and says which one points the wrong way. Exit code 1 when there is one. */
import { globSync, readFileSync } from 'node:fs'
import { barrelFault, faultOf, importsOf } from './import-rules.ts'

const files = globSync(['src/**/*.ts', 'verifier/**/*.ts']).sort()
const faults: string[] = []
let count = 0
for (const file of files) {
  const source = readFileSync(file, 'utf8')
  const barrel = barrelFault(file, source)
  if (barrel !== null) faults.push(`${file}: ${barrel}`)
  for (const one of importsOf(file, source)) {
    count++
    const fault = faultOf(one)
    if (fault !== null) faults.push(`${file}: \`${one.specifier}\`: ${fault}`)
  }
}
for (const fault of faults) console.error(fault)
console.log(`imports: ${count} in ${files.length} files, ${faults.length} point the wrong way`)
process.exitCode = faults.length === 0 ? 0 : 1
