/** `plinth/client/log`: for clients that keep watch over the log they talk to. Needs Node; the client itself does not. */
export { fileHeads, usersHeads } from './head-files.ts'
export { memoryHeads, type HeadStore } from './head-store.ts'
export { LogFault, type LogFaultCode } from './log-fault.ts'
export { shownOverHttp, shownOverMcp } from './shown.ts'
export { watchLog, type Asked, type LogWatch, type Prove, type Shown } from './watch-log.ts'
