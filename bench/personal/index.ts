/** People and what is noted of them: the application that erasing is measured on. `plain` is the same without anything personal. */
import { application, command, entity, importer, readModel } from 'plinth'
import { z } from 'zod'

const state = z.object({ name: z.string(), notes: z.int(), last: z.string() })
const events = { named: z.object({ name: z.string() }), noted: z.object({ text: z.string() }) }
const evolve = {
  named: (_none: undefined, { name }: { readonly name: string }) => ({ name, notes: 0, last: '' }),
  noted: (before: z.infer<typeof state>, { text }: { readonly text: string }) => ({
    ...before,
    notes: before.notes + 1,
    last: text,
  }),
}
const person = entity('person', {
  ...{ describe: 'somebody', state, events, evolve },
  opens: ['named'],
  personal: { events: { named: { name: '[erased]' }, noted: { text: '[erased]' } } },
})
const plain = entity('plain', { describe: 'the same, not personal', state, events, evolve, opens: ['named'] })

const row = z.object({ name: z.string(), notes: z.int() })
const rowOf = ({ name, notes }: z.infer<typeof state>) => ({ name, notes })
const people = readModel('people', { of: person, row, indexes: [['name']], personal: ['name'], from: rowOf })
const plains = readModel('plains', { of: plain, row, indexes: [['name']], from: rowOf })

const note = command('note', {
  describe: 'Note something of a person.',
  input: z.object({ person: person.id(), text: z.string() }),
  async decide(tx, { person: id, text }) {
    await tx.get(person, id)
    tx.append(person, id, 'noted', { text })
  },
})
const notePlain = command('note_plain', {
  describe: 'Note something.',
  input: z.object({ plain: plain.id(), text: z.string() }),
  async decide(tx, { plain: id, text }) {
    await tx.get(plain, id)
    tx.append(plain, id, 'noted', { text })
  },
})

const record = z.object({ id: z.string(), name: z.string() })
const map = ({ id, name }: z.infer<typeof record>) => ({ id, data: { name } })
const persons = importer('persons', { of: person, event: 'named', record, map })
const others = importer('others', { of: plain, event: 'named', record, map })

export default application('people', {
  describe: 'people, and what is noted of them',
  entities: [person, plain],
  commands: [note, notePlain],
  readModels: [people, plains],
  importers: [persons, others],
})
