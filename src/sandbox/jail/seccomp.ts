/**
 * A seccomp filter in the kernel's own form (classic BPF): a cell needs no sockets, no other processes and no administration, so the
 * system calls for them fail. Written by number for each architecture, from the kernel's tables.
 */
import { arch } from 'node:os'

/** x64 first, arm64 second; null: that architecture has no such call. */
const DENIED: Readonly<Record<string, readonly [number, number | null]>> = {
  socket: [41, 198],
  socketpair: [53, 199],
  connect: [42, 203],
  accept: [43, 202],
  accept4: [288, 242],
  bind: [49, 200],
  listen: [50, 201],
  fork: [57, null],
  vfork: [58, null],
  execveat: [322, 281],
  ptrace: [101, 117],
  process_vm_readv: [310, 270],
  process_vm_writev: [311, 271],
  pidfd_open: [434, 434],
  pidfd_getfd: [438, 438],
  pidfd_send_signal: [424, 424],
  kcmp: [312, 272],
  unshare: [272, 97],
  setns: [308, 268],
  mount: [165, 40],
  umount2: [166, 39],
  pivot_root: [155, 41],
  chroot: [161, 51],
  open_tree: [428, 428],
  move_mount: [429, 429],
  fsopen: [430, 430],
  fsconfig: [431, 431],
  fsmount: [432, 432],
  fspick: [433, 433],
  mount_setattr: [442, 442],
  name_to_handle_at: [303, 264],
  open_by_handle_at: [304, 265],
  memfd_create: [319, 279],
  memfd_secret: [447, 447],
  userfaultfd: [323, 282],
  io_uring_setup: [425, 425],
  io_uring_enter: [426, 426],
  io_uring_register: [427, 427],
  bpf: [321, 280],
  perf_event_open: [298, 241],
  keyctl: [250, 219],
  add_key: [248, 217],
  request_key: [249, 218],
  personality: [135, 92],
  syslog: [103, 116],
  acct: [163, 89],
  reboot: [169, 142],
  swapon: [167, 224],
  swapoff: [168, 225],
  quotactl: [179, 60],
  settimeofday: [164, 170],
  clock_settime: [227, 112],
  adjtimex: [159, 171],
  clock_adjtime: [305, 266],
  sethostname: [170, 161],
  setdomainname: [171, 162],
  init_module: [175, 105],
  finit_module: [313, 273],
  delete_module: [176, 106],
  kexec_load: [246, 104],
  kexec_file_load: [320, 294],
  modify_ldt: [154, null],
  iopl: [172, null],
  ioperm: [173, null],
  vhangup: [153, 58],
}
const CLONE = [56, 220] as const
const CLONE3 = 435
const ARCHITECTURES = { x64: 0xc000_003e, arm64: 0xc000_00b7 } as const

const LOAD_WORD = 0x20
const JUMP_EQUAL = 0x15
const JUMP_AT_LEAST = 0x35
const JUMP_ANY_BIT = 0x45
const RETURN = 0x06

const KILL = 0x8000_0000
const ALLOW = 0x7fff_0000
const EPERM = 0x0005_0001
/** For clone3 the C library must see "no such call": it then falls back to clone, whose flags can be looked at. */
const ENOSYS = 0x0005_0026
const CLONE_THREAD = 0x0001_0000
const X32_BIT = 0x4000_0000

/** Offsets in the kernel's `seccomp_data`. */
const NUMBER = 0
const ARCHITECTURE = 4
const FIRST_ARGUMENT = 16

/** The filter, or null on an architecture that it is not written for. */
export function seccompFilter(): Buffer | null {
  const machine = arch()
  if (machine !== 'x64' && machine !== 'arm64') return null
  const column = machine === 'x64' ? 0 : 1
  const program: Buffer[] = []
  const add = (code: number, ifTrue: number, ifFalse: number, value: number): void => {
    const instruction = Buffer.alloc(8)
    instruction.writeUInt16LE(code, 0)
    instruction[2] = ifTrue
    instruction[3] = ifFalse
    instruction.writeUInt32LE(value >>> 0, 4)
    program.push(instruction)
  }
  const deny = (number: number, result: number): void => {
    add(JUMP_EQUAL, 0, 1, number)
    add(RETURN, 0, 0, result)
  }
  add(LOAD_WORD, 0, 0, ARCHITECTURE)
  add(JUMP_EQUAL, 1, 0, ARCHITECTURES[machine])
  add(RETURN, 0, 0, KILL)
  add(LOAD_WORD, 0, 0, NUMBER)
  if (machine === 'x64') {
    add(JUMP_AT_LEAST, 0, 1, X32_BIT)
    add(RETURN, 0, 0, KILL)
  }
  for (const numbers of Object.values(DENIED)) {
    const number = numbers[column]
    if (number !== null) deny(number, EPERM)
  }
  deny(CLONE3, ENOSYS)
  // Threads yes, processes no.
  add(JUMP_EQUAL, 0, 4, CLONE[column])
  add(LOAD_WORD, 0, 0, FIRST_ARGUMENT)
  add(JUMP_ANY_BIT, 1, 0, CLONE_THREAD)
  add(RETURN, 0, 0, EPERM)
  add(RETURN, 0, 0, ALLOW)
  add(RETURN, 0, 0, ALLOW)
  return Buffer.concat(program)
}
