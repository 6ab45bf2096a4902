/** People and what is noted of them: the application that erasing is measured on. `plain` is the same without anything personal. */
import { application, command, entity, importer, readModel } from 'plinth'
import { z } from 'zod'

const person = entity('person', {
  describe: 'somebody',
  state: z.object({ name: z.string(), notes: z.int(), last: z.string() }),
  events: { named: z.object({ name: z.string() }), noted: z.object({ text: z.string() }) },
  opens: ['named'],
  evolve: {
    named: (_none, { name }) => ({ name, notes: 0, last: '' }),
    noted: (state, { text }) => ({ ...state, notes: state.notes + 1, last: text }),
  },
  personal: { events: { named: { name: '[erased]' }, noted: { text: '[erased]' } } },
})

const plain = entity('plain', {
  describe: 'the same, not personal',
  state: z.object({ name: z.string(), notes: z.int(), last: z.string() }),
  events: { named: z.object({ name: z.string() }), noted: z.object({ text: z.string() }) },
  opens: ['named'],
  evolve: {
    named: (_none, { name }) => ({ name, notes: 0, last: '' }),
    noted: (state, { text }) => ({ ...state, notes: state.notes + 1, last: text }),
  },
})

const people = readModel('people', {
  of: person,
  row: z.object({ name: z.string(), notes: z.int() }),
  indexes: [['name']],
  personal: ['name'],
  from: ({ name, notes }) => ({ name, notes }),
})
const plains = readModel('plains', {
  of: plain,
  row: z.object({ name: z.string(), notes: z.int() }),
  indexes: [['name']],
  from: ({ name, notes }) => ({ name, notes }),
})

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
const persons = importer('persons', {
  of: person,
  event: 'named',
  record,
  map: ({ id, name }) => ({ id, data: { name } }),
})
const others = importer('others', {
  of: plain,
  event: 'named',
  record,
  map: ({ id, name }) => ({ id, data: { name } }),
})

export default application('people', {
  describe: 'people, and what is noted of them',
  entities: [person, plain],
  commands: [note, notePlain],
  readModels: [people, plains],
  importers: [persons, others],
})
