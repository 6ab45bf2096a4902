/** A small clinic: the application that erasure is tested on. Patients, what they are called and where they live; visits, which are about a patient. */
import { application, command, effect, entity, importer, money, query, readModel } from 'plinth'
import { z } from 'zod'

const contact = z.object({ email: z.string(), phone: z.string() })

export const patient = entity('patient', {
  describe: 'Somebody who is treated here.',
  state: z.object({ name: z.string(), contact, town: z.string(), visits: z.int() }),
  events: {
    registered: z.object({ name: z.string(), contact, town: z.string() }),
    renamed: z.object({ name: z.string(), previous: z.string() }),
    visited: z.object({ cost: money() }),
  },
  opens: ['registered'],
  evolve: {
    registered: (_, { name, contact, town }) => ({ name, contact, town, visits: 0 }),
    renamed: (state, { name }) => ({ ...state, name }),
    visited: (state) => ({ ...state, visits: state.visits + 1 }),
  },
  personal: {
    events: {
      registered: { name: '[erased]', contact: { email: '[erased]', phone: '[erased]' } },
      renamed: { name: '[erased]', previous: '[erased]' },
    },
  },
})

export const visit = entity('visit', {
  describe: 'One visit of a patient.',
  state: z.object({ patient: patient.id(), note: z.string(), cost: money() }),
  events: { noted: z.object({ patient: patient.id(), note: z.string(), cost: money() }) },
  opens: ['noted'],
  evolve: { noted: (_, noted) => noted },
  personal: { subject: 'patient', events: { noted: { note: '[erased]' } } },
})

export const patientsByEmail = readModel('patients_by_email', {
  describe: 'Patients, by e-mail address.',
  of: patient,
  row: z.object({ email: z.string(), town: z.string(), name: z.string() }),
  indexes: [['email'], ['town']],
  personal: ['email'],
  from: ({ name, contact, town }) => ({ email: contact.email, town, name }),
})

export const visitsOfPatient = readModel('visits_of_patient', {
  describe: 'Visits, by patient.',
  of: visit,
  row: z.object({ patient: z.string(), cost: money(), note: z.string() }),
  indexes: [['patient', 'cost']],
  from: ({ patient: of, cost, note }) => ({ patient: of, cost, note }),
})

export const letter = effect('letter', {
  describe: 'Sends a letter.',
  payload: z.object({ to: z.string(), text: z.string() }),
  risk: 'compensable',
})

export const register = command('register', {
  describe: 'Register a patient.',
  input: z.object({ patient: patient.id(), name: z.string(), email: z.string(), phone: z.string(), town: z.string() }),
  output: z.object({ greeting: z.string() }),
  refusals: { 'bad-name': 'nobody is called that' },
  personal: ['name', 'email', 'phone'],
  decide(tx, { patient: id, name, email, phone, town }) {
    if (name.startsWith('!')) return tx.refuse('bad-name', { name })
    tx.append(patient, id, 'registered', { name, contact: { email, phone }, town })
    return { greeting: `Welcome, ${name}.` }
  },
})

export const rename = command('rename', {
  describe: 'Give a patient another name.',
  input: z.object({ patient: patient.id(), name: z.string() }),
  output: z.object({ was: z.string() }),
  refusals: { 'same-name': 'that is the name already' },
  async decide(tx, { patient: id, name }) {
    const { name: previous } = await tx.get(patient, id)
    if (previous === name) return tx.refuse('same-name', { name })
    tx.append(patient, id, 'renamed', { name, previous })
    return { was: previous }
  },
})

export const noteVisit = command('note_visit', {
  describe: 'Note a visit.',
  input: z.object({ visit: visit.id(), patient: patient.id(), note: z.string(), cost: money() }),
  facts: z.object({ cost: money(), name: z.string() }),
  effects: [letter],
  async decide(tx, { visit: id, patient: of, note, cost }) {
    const { name, contact } = await tx.get(patient, of)
    tx.facts({ cost, name })
    tx.append(visit, id, 'noted', { patient: of, note, cost })
    tx.append(patient, of, 'visited', { cost })
    tx.effect(letter, { to: contact.email, text: `Dear ${name}, thank you.` })
  },
})

export const findPatient = query('find_patient', {
  describe: 'The patient with this e-mail address.',
  input: z.object({ email: z.string() }),
  output: z.object({ patient: z.string(), name: z.string() }),
  personal: ['email'],
  async read(tx, { email }) {
    const [found] = await tx.find(patientsByEmail, { where: { email }, limit: 1 })
    return found === undefined ? tx.refuse('not-found', { email }) : { patient: found.id, name: found.row.name }
  },
})

export const greet = query('greet', {
  describe: 'What a patient is called, and how often they came.',
  input: z.object({ patient: patient.id() }),
  output: z.object({ name: z.string(), visits: z.int() }),
  async read(tx, { patient: id }) {
    const { name, visits } = await tx.get(patient, id)
    return { name, visits }
  },
})

export const visits = query('visits', {
  describe: 'Notes of a patient’s visits.',
  input: z.object({ patient: patient.id() }),
  output: z.object({ notes: z.array(z.string()) }),
  async read(tx, { patient: of }) {
    const found = await tx.find(visitsOfPatient, { where: { patient: of }, limit: 100 })
    return { notes: found.map(({ row }) => row.note) }
  },
})

export const patients = importer('patients', {
  describe: 'Patients from elsewhere.',
  of: patient,
  event: 'registered',
  record: z.object({ id: z.string(), name: z.string(), email: z.string(), phone: z.string(), town: z.string() }),
  map: ({ id, name, email, phone, town }) => ({ id, data: { name, contact: { email, phone }, town } }),
})

export default application('clinic', {
  describe: 'A clinic, with patients and their visits.',
  entities: [patient, visit],
  commands: [register, rename, noteVisit],
  queries: [findPatient, greet, visits],
  readModels: [patientsByEmail, visitsOfPatient],
  effects: [letter],
  importers: [patients],
})
