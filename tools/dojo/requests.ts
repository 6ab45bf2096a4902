/**
 * By which words people ask for what a tool does, from the verb in its name. The data set does not say it, as an application would; the table knows
 * verbs, no tools.
 */

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
/** Verbs that a noun brings along. */
const MORE: Readonly<Record<string, string>> = { participants: 'invite' }

/** A verb that is not in the table is asked for by itself. */
export function requestedBy(tool: string): readonly string[] {
  const [verb = '', ...rest] = tool.split('_')
  const words = (list: string | undefined): readonly string[] => (list ?? '').split(' ').filter((word) => word !== '')
  const verbs = [...words(WAYS[verb] ?? verb), ...rest.flatMap((noun) => words(MORE[noun]))]
  const needing = rest.includes('participants') ? [] : rest.filter((noun) => NEEDED[noun] !== undefined)
  return verbs.flatMap((word) => {
    const nouns = needing.filter((noun) => !words(ENOUGH[noun]).includes(word)).flatMap((noun) => words(NEEDED[noun]))
    return nouns.length === 0 ? [word] : nouns.map((noun) => `${word} ${noun}`)
  })
}
