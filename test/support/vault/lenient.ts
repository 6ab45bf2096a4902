/** The vault one release on: what could not be taken back is said to be something that can be apologised for. */
import { effect } from 'plinth'
import { vaultWith, what } from './index.ts'

export default vaultWith(effect('wire', { describe: 'Not so bad.', payload: what, risk: 'compensable' }))
