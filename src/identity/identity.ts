/** Who is calling, as the engine sees it. */
import type { Credentials, Principal } from '../model/principal.ts'
import type { PrincipalId } from '../model/ids.ts'

export interface Identity {
  /** @throws `credentials-missing`, `credentials-invalid`, `credentials-expired`, `principal-revoked`, `delegation-refused`. */
  authenticate(credentials: Credentials, signal: AbortSignal): Promise<Principal>
  /** True while every link of the chain still has its epoch. Cheap: checked again at each wait of the path. */
  isLive(principal: Principal): boolean
  /** The principal as of now, for resuming held work. @throws `principal-revoked` */
  byId(id: PrincipalId): Principal
}
