/** A real RFC 3161 authority for tests: `openssl ts` with certificates of its own, behind a small HTTP server on loopback. */
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { proofOf } from '../rfc3161/timestamp-reply.ts'

export interface AuthorityOptions {
  /** Of the keys; default `rsa`. */
  readonly key?: 'rsa' | 'ec' | 'ed25519'
  /** An authority between the root and the one that signs; its `basicConstraints`. */
  readonly between?: string
  readonly extendedKeyUsage?: string
  readonly keyUsage?: string
  readonly basicConstraints?: string
  readonly digest?: 'sha256' | 'sha384' | 'sha512'
  readonly essDigest?: 'sha1' | 'sha256' | 'sha512'
  /** Days that the certificate of the one that signs is valid. */
  readonly days?: number
}

export interface Authority {
  readonly dir: string
  /** PEM of the root, and the same as a file. */
  readonly root: string
  readonly rootFile: string
  readonly url: string
  /** Requests that have come in, in order. */
  readonly requests: readonly Buffer[]
  /** How the server behaves from now on. */
  mode: 'answers' | 'fails' | 'hangs' | 'garbles' | ((reply: Buffer) => Buffer)
  /** A reply without the server. */
  reply(query: Uint8Array): Promise<Buffer>
  close(): Promise<void>
}

export const hasOpenssl = (): boolean => spawnSync('openssl', ['version']).status === 0

export function makeAuthority(options: AuthorityOptions = {}): Omit<Authority, 'url' | 'close' | 'requests' | 'mode'> {
  const dir = mkdtempSync(join(tmpdir(), 'plinth-tsa-'))
  const { extendedKeyUsage = 'critical,timeStamping', keyUsage = 'critical,digitalSignature', between } = options
  writeFileSync(
    join(dir, 'tsa.cnf'),
    [
      ...['[req]', 'distinguished_name = dn', 'prompt = no', '[dn]', 'CN = unused'],
      ...['[root]', 'basicConstraints = critical,CA:true', 'keyUsage = critical,keyCertSign,cRLSign'],
      ...['[between]', `basicConstraints = ${between ?? 'critical,CA:true'}`, 'keyUsage = critical,keyCertSign'],
      ...['[signer]', `basicConstraints = ${options.basicConstraints ?? 'CA:false'}`, `keyUsage = ${keyUsage}`],
      ...(extendedKeyUsage === '' ? [] : [`extendedKeyUsage = ${extendedKeyUsage}`]),
      ...['[tsa]', 'default_tsa = one', '[one]', `dir = ${dir}`, 'serial = $dir/serial', 'crypto_device = builtin'],
      ...['signer_cert = $dir/signer.pem', 'signer_key = $dir/signer.key', 'default_policy = 1.3.6.1.4.1.99999.1'],
      ...[`certs = $dir/chain.pem`, `signer_digest = ${options.digest ?? 'sha256'}`, 'digests = sha256, sha512'],
      ...[
        'accuracy = secs:1, millisecs:500, microsecs:100',
        'ordering = yes',
        'tsa_name = yes',
        'ess_cert_id_chain = no',
      ],
      `ess_cert_id_alg = ${options.essDigest ?? 'sha256'}`,
    ].join('\n'),
  )
  writeFileSync(join(dir, 'serial'), '01\n')
  mkdirSync(join(dir, 'work'))
  makeKey(dir, 'root', options.key)
  openssl(dir, [
    'req',
    '-x509',
    ...request('root', 'Test Root'),
    '-extensions',
    'root',
    '-days',
    '3650',
    '-out',
    'root.pem',
  ])
  if (between !== undefined) certificate(dir, 'between', 'Test Between', 'root', 'between', 3650, options.key)
  certificate(
    dir,
    'signer',
    'Test Timestamps',
    between === undefined ? 'root' : 'between',
    'signer',
    options.days ?? 365,
    options.key,
  )
  const chain = between === undefined ? ['root.pem'] : ['between.pem', 'root.pem']
  writeFileSync(join(dir, 'chain.pem'), chain.map((name) => readFileSync(join(dir, name), 'utf8')).join(''))
  return {
    dir,
    root: readFileSync(join(dir, 'root.pem'), 'utf8'),
    rootFile: join(dir, 'root.pem'),
    reply: (query) => reply(dir, query),
  }
}

/** Runs until closed; the directory goes with it. */
export async function startAuthority(options: AuthorityOptions = {}): Promise<Authority> {
  const made = makeAuthority(options)
  const requests: Buffer[] = []
  const authority = { mode: 'answers' as Authority['mode'] }
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const query = Buffer.concat(parts)
      requests.push(query)
      const { mode } = authority
      if (mode === 'hangs') return
      if (mode === 'fails') return void response.writeHead(503).end('closed')
      const send = (bytes: Buffer): void =>
        void response.writeHead(200, { 'content-type': 'application/timestamp-reply' }).end(bytes)
      if (mode === 'garbles') return send(Buffer.from('no reply at all'))
      made.reply(query).then(
        (bytes) => send(typeof mode === 'function' ? mode(bytes) : bytes),
        () => response.writeHead(500).end(),
      )
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return Object.assign(authority, {
    ...made,
    requests,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      rmSync(made.dir, { recursive: true, force: true })
    },
  })
}

function certificate(
  dir: string,
  name: string,
  commonName: string,
  issuer: string,
  section: string,
  days: number,
  key: AuthorityOptions['key'],
): void {
  makeKey(dir, name, key)
  openssl(dir, ['req', '-new', ...request(name, commonName), '-out', `${name}.csr`])
  openssl(dir, [
    ...['x509', '-req', '-in', `${name}.csr`, '-CA', `${issuer}.pem`, '-CAkey', `${issuer}.key`, '-CAcreateserial'],
    ...['-extfile', 'tsa.cnf', '-extensions', section, '-days', String(days), '-sha256', '-out', `${name}.pem`],
  ])
}

const request = (name: string, commonName: string): string[] => [
  ...['-config', 'tsa.cnf', '-key', `${name}.key`, '-subj', `/O=Plinth tests/CN=${commonName}`],
]

function makeKey(dir: string, name: string, kind: AuthorityOptions['key'] = 'rsa'): void {
  const options = {
    rsa: ['RSA', '-pkeyopt', 'rsa_keygen_bits:2048'],
    ec: ['EC', '-pkeyopt', 'ec_paramgen_curve:P-256'],
    ed25519: ['ED25519'],
  }
  openssl(dir, ['genpkey', '-algorithm', ...options[kind], '-out', `${name}.key`])
}

function openssl(dir: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync('openssl', args, { cwd: dir, encoding: 'utf8' })
  if (status !== 0) throw new Error(`openssl ${args[0]}: ${stderr}`)
}

let replies = 0
async function reply(dir: string, query: Uint8Array): Promise<Buffer> {
  const name = join(dir, 'work', String(++replies))
  writeFileSync(`${name}.tsq`, query)
  const args = [
    'ts',
    '-reply',
    '-config',
    'tsa.cnf',
    '-section',
    'one',
    '-queryfile',
    `${name}.tsq`,
    '-out',
    `${name}.tsr`,
  ]
  const child = spawn('openssl', args, { cwd: dir, stdio: 'ignore' })
  const status = await new Promise((resolve) => child.on('close', resolve))
  if (status !== 0) throw new Error(`openssl ts ended with ${String(status)}`)
  return readFileSync(`${name}.tsr`)
}

/**
 * A token that `openssl ts` would not give, signed by `openssl cms` with the key that this authority has, whatever its certificate is for.
 * @param info DER of a TSTInfo
 * @returns a reply that says `granted`
 */
export function forcedReply({ dir }: Pick<Authority, 'dir'>, info: Uint8Array): Buffer {
  const name = join(dir, 'work', `forced-${++replies}`)
  writeFileSync(`${name}.tst`, info)
  openssl(dir, [
    ...['cms', '-sign', '-binary', '-nodetach', '-cades', '-nosmimecap', '-md', 'sha256', '-outform', 'DER'],
    ...['-econtent_type', '1.2.840.113549.1.9.16.1.4', '-signer', 'signer.pem', '-inkey', 'signer.key'],
    ...['-in', `${name}.tst`, '-out', `${name}.tok`],
  ])
  return proofOf(readFileSync(`${name}.tok`))
}

/** `openssl ts -verify` of a proof, as a judge of its own. */
export function opensslAccepts(
  authority: Pick<Authority, 'dir' | 'rootFile'>,
  data: string,
  proof: Uint8Array,
): boolean {
  const name = join(authority.dir, 'work', `verify-${++replies}`)
  writeFileSync(`${name}.data`, data)
  writeFileSync(`${name}.tsr`, proof)
  const args = ['ts', '-verify', '-data', `${name}.data`, '-in', `${name}.tsr`, '-CAfile', authority.rootFile]
  return spawnSync('openssl', args, { cwd: authority.dir, encoding: 'utf8' }).status === 0
}
