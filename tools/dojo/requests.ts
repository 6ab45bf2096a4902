/**
 * By which words people ask for what a tool does, from the verb in its name. The data set does not say it, as an application would; the table knows
 * verbs, no tools.
 */
import { wordsOfName } from './tool-form.ts'

const WAYS: Readonly<Record<string, string>> = {
  send: 'send email mail message write tell reply respond answer forward inform notify post share dm text ask remind thank invite contact say pay transfer wire refund reimburse return give settle',
  post: 'post publish write put upload send share update create make add',
  create:
    'create add make schedule book organise organize put set arrange save write new block remind start prepare invite',
  add: 'add include put append insert join move',
  append: 'append add write put insert extend include note',
  delete: 'delete remove erase discard trash clear drop clean',
  remove: 'remove delete kick expel drop',
  cancel: 'cancel delete remove drop withdraw',
  reschedule: 'reschedule move postpone shift change push delay bring update',
  update:
    'update change adjust modify edit set correct switch increase decrease raise lower reduce reset replace move amend',
  schedule: 'schedule set create add pay transfer send book arrange',
  reserve: 'reserve reservation book make rent get',
  invite: 'invite add',
  share: 'share give grant send',
  get: 'visit read open summarize summarise summary check browse look find see get fetch go website site page article blog link url tell',
  transfer: 'transfer pay send wire refund reimburse return give settle',
  make: 'make create add schedule book put set arrange save',
  save: 'save keep store note write record remember',
  write: 'write save note put add create make record',
  email: 'email mail send write tell reply answer respond forward notify inform',
  message: 'message send write tell reply answer respond text ping ask say notify inform',
  reply: 'reply respond answer write tell',
  comment: 'comment reply respond answer write',
  forward: 'forward send share pass',
  pay: 'pay settle send transfer refund reimburse',
  book: 'book reserve reservation make schedule arrange',
  buy: 'buy order purchase get',
  order: 'order buy purchase get',
  issue: 'issue give make',
  give: 'give grant share allow',
  grant: 'grant give allow',
  assign: 'assign give hand delegate pass allocate',
  move: 'move put bring shift reschedule',
  set: 'set change update adjust make put',
  change: 'change update adjust modify edit set correct switch replace',
  edit: 'edit change update adjust modify correct rewrite',
  trash: 'trash delete remove erase discard drop',
  kick: 'kick remove expel',
  open: 'open visit read see look check browse',
}
/** Nouns without which a verb says too little: who asks to update an address does not ask to update a password. */
const NEEDED: Readonly<Record<string, string>> = {
  password: 'password passcode pin credentials',
  event: 'event calendar meeting appointment reminder lunch dinner breakfast call session',
}
/** Verbs that say enough without one of these nouns. */
const ENOUGH: Readonly<Record<string, string>> = {
  event:
    'schedule remind invite block cancel delete remove drop withdraw reschedule move postpone shift change push delay bring update',
}
/** Verbs that a noun brings along, where something is made: who asks for a refund to be issued says “refund”. */
const MORE: Readonly<Record<string, string>> = {
  ...{
    participants: 'invite',
    guest: 'invite',
    refund: 'refund reimburse',
    payment: 'pay',
    reservation: 'reserve book',
  },
  ...{ note: 'note', comment: 'comment', reminder: 'remind', draft: 'draft summarize summarise', email: 'email mail' },
}
const MAKING = new Set('add append book create give issue make place save schedule send set write'.split(' '))

/** A verb that is not in the table is asked for by itself. @param namespaces first words that say nothing of what a tool does */
export function requestedBy(tool: string, namespaces: ReadonlySet<string> = new Set()): readonly string[] {
  const named = wordsOfName(tool)
  const [verb = '', ...rest] = namespaces.has(named[0] ?? '') ? named.slice(1) : named
  const words = (list: string | undefined): readonly string[] => (list ?? '').split(' ').filter((word) => word !== '')
  const verbs = [...words(WAYS[verb] ?? verb), ...(MAKING.has(verb) ? rest.flatMap((noun) => words(MORE[noun])) : [])]
  const needing = rest.includes('participants') ? [] : rest.filter((noun) => NEEDED[noun] !== undefined)
  return verbs.flatMap((word) => {
    const nouns = needing.filter((noun) => !words(ENOUGH[noun]).includes(word)).flatMap((noun) => words(NEEDED[noun]))
    return nouns.length === 0 ? [word] : nouns.map((noun) => `${word} ${noun}`)
  })
}
