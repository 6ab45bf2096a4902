/** A real system with the fixture's surface on its MCP door, and the relay in front that says who is calling. Loopback only. */
import { openLedger } from '../../support/doors/open-ledger.ts'
import { fixtureSurface } from './fixture-surface.ts'
import { openRelay } from './relay.ts'

export interface Fixture {
  /** Of the relay. */
  readonly url: string
  readonly bugs: readonly unknown[]
  close(): Promise<void>
}

export async function openFixture(): Promise<Fixture> {
  const ledger = await openLedger({ surface: fixtureSurface() })
  const relay = await openRelay(ledger.door, ledger.agent)
  return {
    url: `${relay.url}/mcp`,
    bugs: ledger.bugs,
    async close() {
      await relay.close()
      await ledger.close()
    },
  }
}
