/*
 * Preloaded into a process, writes down every change that it makes to files under one folder, in order: writes with their bytes, truncations, and
 * the syncs that make them durable. power-cut.ts replays the journal as a disk that lost power. Files are told apart by what
 * /proc says of their descriptor, so nothing about opening and closing needs to be followed.
 *
 * PLINTH_RECORD_DIR: the folder. PLINTH_RECORD_JOURNAL: the file to write, outside of it.
 * An entry: kind (1 byte: W, T or S), length of the path (4), offset (8), length of the data (8), path, data. Little endian.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static const char *folder;
static size_t folder_length;
static int journal = -1;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_ftruncate)(int, off_t);

/*
 * The signer starts with an environment of its own, which leaves out what makes it record: it is put back. Without memory of its own to
 * allocate, because a process that has just been forked must not.
 */
#define KEPT 3
#define VARIABLES_MAX 256
static char kept[KEPT][4200];

static void keep(void) {
  static const char *names[KEPT] = {"LD_PRELOAD", "PLINTH_RECORD_DIR", "PLINTH_RECORD_JOURNAL"};
  for (int i = 0; i < KEPT; i++) {
    const char *value = getenv(names[i]);
    if (value != NULL) snprintf(kept[i], sizeof kept[i], "%s=%s", names[i], value);
  }
}

int execvp(const char *file, char *const words[]) {
  char *variables[VARIABLES_MAX + KEPT + 1];
  int is_signer = 0, count = 0;
  for (int i = 0; words[i] != NULL; i++) is_signer |= strstr(words[i], "/signer/main.ts") != NULL;
  while (is_signer && environ[count] != NULL && count < VARIABLES_MAX) {
    variables[count] = environ[count];
    count++;
  }
  for (int i = 0; is_signer && i < KEPT; i++)
    if (kept[i][0] != 0) variables[count++] = kept[i];
  variables[count] = NULL;
  return execvpe(file, words, is_signer ? variables : environ);
}

__attribute__((constructor)) static void prepare(void) {
  if (real_write != NULL) return;
  real_writev = dlsym(RTLD_NEXT, "writev");
  real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
  real_fsync = dlsym(RTLD_NEXT, "fsync");
  real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
  real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
  real_write = dlsym(RTLD_NEXT, "write");
  folder = getenv("PLINTH_RECORD_DIR");
  const char *path = getenv("PLINTH_RECORD_JOURNAL");
  if (folder == NULL || path == NULL) return;
  keep();
  folder_length = strlen(folder);
  journal = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* The path of a descriptor under the folder; 0 for any other. */
static size_t recorded(int file, char *path, size_t room) {
  if (journal < 0) return 0;
  char link[48];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, room);
  if (length <= (ssize_t)folder_length || strncmp(path, folder, folder_length) != 0 || path[folder_length] != '/') return 0;
  return (size_t)length;
}

static void note(char kind, const char *path, size_t path_length, int64_t offset, const void *data, int64_t length) {
  unsigned char head[21];
  uint32_t short_length = (uint32_t)path_length;
  head[0] = (unsigned char)kind;
  memcpy(head + 1, &short_length, 4);
  memcpy(head + 5, &offset, 8);
  memcpy(head + 13, &length, 8);
  struct iovec parts[3] = {{head, sizeof head}, {(void *)path, path_length}, {(void *)data, (size_t)length}};
  real_writev(journal, parts, 3);
}

/* The change and its note are one step, so that the journal is in the order of what happened. */
#define CHANGE(result, kind, offset, data, length)                             \
  char path[4096];                                                             \
  prepare();                                                                   \
  size_t path_length = recorded(file, path, sizeof path);                      \
  if (path_length == 0) return (result);                                       \
  pthread_mutex_lock(&turn);                                                   \
  int64_t at = (offset);                                                       \
  int64_t done = (int64_t)(result);                                            \
  if (done >= 0) note((kind), path, path_length, at, (data), (length));        \
  pthread_mutex_unlock(&turn);                                                 \
  return done;

static off_t end_of(int file) {
  return (fcntl(file, F_GETFL) & O_APPEND) ? lseek(file, 0, SEEK_END) : lseek(file, 0, SEEK_CUR);
}
ssize_t write(int file, const void *data, size_t length) { CHANGE(real_write(file, data, length), 'W', end_of(file), data, done) }
ssize_t pwrite64(int file, const void *data, size_t length, off_t offset) { CHANGE(real_pwrite(file, data, length, offset), 'W', offset, data, done) }
ssize_t pwrite(int file, const void *data, size_t length, off_t offset) { CHANGE(real_pwrite(file, data, length, offset), 'W', offset, data, done) }
int ftruncate64(int file, off_t length) { CHANGE(real_ftruncate(file, length), 'T', length, NULL, 0) }
int ftruncate(int file, off_t length) { CHANGE(real_ftruncate(file, length), 'T', length, NULL, 0) }
int fsync(int file) { CHANGE(real_fsync(file), 'S', 0, NULL, 0) }
int fdatasync(int file) { CHANGE(real_fdatasync(file), 'S', 0, NULL, 0) }
