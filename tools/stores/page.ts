/** docs/reference/stores.md, from the answers. */
import { FILES, LOCKS, STORES } from './answers.ts'

const cell = (text: string): string => text.replaceAll('|', '\\|')

export function storesPage(): string {
  return [
    '# Stores',
    '',
    'Generated from `tools/stores/answers.ts` by `npm run docs`; a test compares it with real directories, so that nothing is kept without an answer.',
    'For everything that a system keeps: what notices that somebody has changed it who may write the file and reads no key. Who reads `rows.key` as well can make rows fit:',
    'against him stand the tree, the signer, witnesses and receipts ([insider drill](insider-drill.md)). A file that is put back whole, as it was earlier, is found by what',
    'remembers more: the signer, the witnesses, a kept head. What the tests change, and how often, is in [mutations](mutations.md). `N` is any number, `*` any name.',
    '',
    ...Object.entries(STORES).flatMap(([file, tables]) => [
      `## ${file}`,
      '',
      '| table | column | what notices a change |',
      '| --- | --- | --- |',
      ...Object.entries(tables).flatMap(([table, { holds, columns, rows }]) => [
        ...Object.entries(columns).map(
          ([names, noticed], place) =>
            `| ${place === 0 ? `\`${table}\`: ${cell(holds)}` : ''} | ${names
              .split(', ')
              .map((name) => `\`${name}\``)
              .join(' ')} | ${cell(noticed)} |`,
        ),
        `| | a row | ${cell(rows)} |`,
      ]),
      '',
    ]),
    '## Files',
    '',
    '| file | holds | what notices a change |',
    '| --- | --- | --- |',
    ...Object.entries(FILES).map(([file, { holds, noticed }]) => `| \`${file}\` | ${cell(holds)} | ${cell(noticed)} |`),
    `| ${LOCKS.map((file) => `\`${file}\``).join(' ')} | nothing: the operating system locks them | – |`,
    '',
  ].join('\n')
}
