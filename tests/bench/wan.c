// wan - a wide-area link between two network namespaces, emulated in user
// space.
//
// The kernels here have no netem, so this program carries every packet itself:
// each end is a TUN device in a namespace of its own, and between them stand,
// per direction and in this order,
//   random loss -> a drop-tail bottleneck of --rate with --queue bytes -> half
//   of --rtt (+ jitter).
// It runs until it is signalled, its --for time is over, or the command after
// -- has ended.
//
//   wan --rate 1000 --rtt 100 --loss 1 -- ./measure.sh       (as root; Mbit/s,
//   ms, percent)
//
// The command finds the ends in $WAN_A and $WAN_B (namespace names; use `ip
// netns exec $WAN_A ...`), at the addresses $WAN_A_IP and $WAN_B_IP. Counters
// go to standard error at the end.

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef uint64_t ns_t;

struct packet {
    ns_t due;
    uint32_t len, slot;
};

struct direction {
    int in, out;
    double loss, dup, corrupt, reorder;
    double rate_bps;      // bottleneck, bit/s; 0 = none
    ns_t delay, jitter;   // one way
    uint64_t queue_bytes; // bottleneck buffer
    ns_t line_free;       // when the bottleneck has sent all it has accepted
    ns_t last_due;
    struct packet *ring;
    uint32_t head, tail, mask;
    unsigned char *store;
    uint32_t mtu;
    uint64_t seed;
    uint64_t pkts, bytes, lost, dropped, out_err, cap_drop, max_backlog;
    uint64_t waits[10000]; // packets by their wait in the queue, in 0.1 ms
};

static volatile sig_atomic_t stop;
static void on_signal(int s)
{
    (void)s;
    stop = 1;
}

static ns_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (ns_t)t.tv_sec * 1000000000ull + (ns_t)t.tv_nsec;
}
static double uniform(uint64_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return (double)(*s >> 11) / 9007199254740992.0;
}
static void die(const char *what)
{
    fprintf(stderr, "wan: %s: %s\n", what, strerror(errno));
    exit(1);
}
static void sh(const char *fmt, ...)
{
    char cmd[512];
    va_list ap;
    __builtin_va_start(ap, fmt);
    vsnprintf(cmd, sizeof cmd, fmt, ap);
    __builtin_va_end(ap);
    if (system(cmd) != 0) {
        fprintf(stderr, "wan: failed: %s\n", cmd);
        exit(1);
    }
}

static int open_tun(char *name)
{
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        die("/dev/net/tun");
    struct ifreq r = {0};
    r.ifr_flags = IFF_TUN | IFF_NO_PI;
    strncpy(r.ifr_name, name, IFNAMSIZ - 1);
    if (ioctl(fd, TUNSETIFF, &r) < 0)
        die("TUNSETIFF");
    return fd;
}

// Takes in what the end has sent, at most `batch` packets; returns how many.
static int take_in(struct direction *d, int batch)
{
    int n = 0;
    for (; n < batch; n++) {
        uint32_t next = (d->head + 1) & d->mask;
        if (next == d->tail) {
            unsigned char waste[65536];
            ssize_t l = read(d->in, waste, sizeof waste);
            if (l <= 0)
                break;
            d->cap_drop++;
            continue;
        }
        unsigned char *at = d->store + (size_t)d->head * d->mtu;
        ssize_t len = read(d->in, at, d->mtu);
        if (len <= 0)
            break;
        d->pkts++;
        d->bytes += (uint64_t)len;
        if (d->loss > 0 && uniform(&d->seed) < d->loss) {
            d->lost++;
            continue;
        }
        ns_t now = now_ns(), due = now;
        if (d->rate_bps > 0) {
            ns_t start = d->line_free > now ? d->line_free : now;
            uint64_t backlog =
                (uint64_t)((double)(start - now) * d->rate_bps / 8e9);
            if (backlog > d->max_backlog)
                d->max_backlog = backlog;
            if (backlog + (uint64_t)len > d->queue_bytes) {
                d->dropped++;
                continue;
            }
            ns_t wait = (start - now) / 100000;
            d->waits[wait < 9999 ? wait : 9999]++;
            d->line_free = start + (ns_t)((double)len * 8e9 / d->rate_bps);
            due = d->line_free;
        }
        due += d->delay;
        if (d->jitter)
            due += (ns_t)(uniform(&d->seed) * (double)d->jitter);
        if (d->reorder > 0 && uniform(&d->seed) < d->reorder)
            due = now; // overtakes, like netem
        else if (due < d->last_due)
            due = d->last_due; // jitter keeps the order
        if (due > d->last_due)
            d->last_due = due;
        if (d->corrupt > 0 && uniform(&d->seed) < d->corrupt && len > 40)
            at[40 + (int)(uniform(&d->seed) * (double)(len - 40))] ^= 0x5a;
        if (due == now && d->reorder > 0) {
            if (write(d->out, at, (size_t)len) < 0)
                d->out_err++;
            continue;
        }
        d->ring[d->head] = (struct packet){due, (uint32_t)len, d->head};
        d->head = next;
    }
    return n;
}

// Delivers what is due; returns when the next one will be, 0 when none waits.
static ns_t let_out(struct direction *d)
{
    ns_t now = now_ns();
    while (d->tail != d->head) {
        struct packet *p = &d->ring[d->tail];
        if (p->due > now) {
            now = now_ns();
            if (p->due > now)
                return p->due;
        }
        if (write(d->out, d->store + (size_t)p->slot * d->mtu, p->len) < 0)
            d->out_err++;
        if (d->dup > 0 && uniform(&d->seed) < d->dup)
            (void)!write(d->out, d->store + (size_t)p->slot * d->mtu, p->len);
        d->tail = (d->tail + 1) & d->mask;
    }
    return 0;
}

static void prepare(struct direction *d, double rate, double rtt_ms,
                    double queue_ms, uint32_t mtu)
{
    d->rate_bps = rate * 1e6;
    d->delay = (ns_t)(rtt_ms * 1e6 / 2);
    d->queue_bytes = (uint64_t)(rate * 1e6 / 8 * queue_ms / 1e3);
    if (d->queue_bytes < 20ull * mtu)
        d->queue_bytes = 20ull * mtu;
    d->mtu = mtu;
    // slots for what the delay line and the queue hold of the smallest packets
    // worth caring for (128 B), capped at 1 GiB
    double hold = (rate > 0 ? rate : 10000) * 1e6 / 8 *
                  ((rtt_ms / 2 + queue_ms + 5) / 1e3) / (rate > 0 ? 400 : 1000);
    uint32_t slots = 4096;
    while (slots < hold && (uint64_t)slots * mtu < (1ull << 30))
        slots *= 2;
    d->mask = slots - 1;
    d->ring = calloc(slots, sizeof *d->ring);
    d->store = mmap(NULL, (size_t)slots * mtu, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (!d->ring || d->store == MAP_FAILED)
        die("memory");
}

// The wait in the queue, in ms, that a share of the packets did not exceed.
static double wait_ms(const struct direction *d, double share)
{
    double left = share * (double)(d->pkts - d->lost - d->dropped);
    uint32_t i = 0;
    while (i < 9999 && (left -= (double)d->waits[i]) > 0)
        i++;
    return i / 10.0;
}

static void report(const char *name, const struct direction *d, double secs)
{
    fprintf(
        stderr,
        "wan %s: %llu packets, %.1f Mbit/s offered, lost %llu, queue drops "
        "%llu (deepest %llu of %llu B), out of slots %llu, write errors %llu, "
        "queue ms q50 %.1f q95 %.1f\n",
        name, (unsigned long long)d->pkts, (double)d->bytes * 8 / 1e6 / secs,
        (unsigned long long)d->lost, (unsigned long long)d->dropped,
        (unsigned long long)d->max_backlog, (unsigned long long)d->queue_bytes,
        (unsigned long long)d->cap_drop, (unsigned long long)d->out_err,
        wait_ms(d, 0.5), wait_ms(d, 0.95));
}

int main(int argc, char **argv)
{
    double rate = 0, rtt = 0, loss = 0, back_loss = -1, jitter = 0, queue = -1,
           dup = 0, corrupt = 0, reorder = 0, secs = 0, back_rate = -1;
    uint64_t seed = 1;
    uint32_t mtu = 1500;
    const char *name = "wan";
    int net = 77;
    static const struct option opts[] = {{"rate", 1, 0, 'r'},
                                         {"rtt", 1, 0, 'd'},
                                         {"loss", 1, 0, 'l'},
                                         {"back-loss", 1, 0, 'L'},
                                         {"back-rate", 1, 0, 'R'},
                                         {"jitter", 1, 0, 'j'},
                                         {"queue", 1, 0, 'q'},
                                         {"dup", 1, 0, 'D'},
                                         {"corrupt", 1, 0, 'c'},
                                         {"reorder", 1, 0, 'o'},
                                         {"seed", 1, 0, 's'},
                                         {"mtu", 1, 0, 'm'},
                                         {"name", 1, 0, 'n'},
                                         {"net", 1, 0, 'N'},
                                         {"for", 1, 0, 't'},
                                         {"help", 0, 0, 'h'},
                                         {0}};
    int c;
    while ((c = getopt_long(argc, argv, "+h", opts, NULL)) != -1)
        switch (c) {
        case 'r':
            rate = atof(optarg);
            break;
        case 'R':
            back_rate = atof(optarg);
            break;
        case 'd':
            rtt = atof(optarg);
            break;
        case 'l':
            loss = atof(optarg) / 100;
            break;
        case 'L':
            back_loss = atof(optarg) / 100;
            break;
        case 'j':
            jitter = atof(optarg);
            break;
        case 'q':
            queue = atof(optarg);
            break;
        case 'D':
            dup = atof(optarg) / 100;
            break;
        case 'c':
            corrupt = atof(optarg) / 100;
            break;
        case 'o':
            reorder = atof(optarg) / 100;
            break;
        case 's':
            seed = strtoull(optarg, 0, 10);
            break;
        case 'm':
            mtu = (uint32_t)atoi(optarg);
            break;
        case 'n':
            name = optarg;
            break;
        case 'N':
            net = atoi(optarg);
            break;
        case 't':
            secs = atof(optarg);
            break;
        default:
            fprintf(stderr, "usage: wan [--rate MBIT] [--back-rate MBIT] "
                            "[--rtt MS] [--loss %%] [--back-loss %%] [--queue "
                            "MS (default: one RTT, at least 20)]\n"
                            "           [--jitter MS] [--dup %%] [--corrupt "
                            "%%] [--reorder %%] [--seed N] [--mtu B] [--name "
                            "wan] [--net 77] [--for S] [-- COMMAND ...]\n");
            return c == 'h' ? 0 : 2;
        }
    if (queue < 0)
        queue = rtt > 20 ? rtt : 20;
    if (back_loss < 0)
        back_loss = loss;
    if (back_rate < 0)
        back_rate = rate;
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_TIMERSLACK, 1);

    char ta[IFNAMSIZ], tb[IFNAMSIZ], a[64], b[64], ia[32], ib[32];
    snprintf(ta, sizeof ta, "%.10sa", name);
    snprintf(tb, sizeof tb, "%.10sb", name);
    snprintf(a, sizeof a, "%s-a", name);
    snprintf(b, sizeof b, "%s-b", name);
    snprintf(ia, sizeof ia, "10.%d.0.1", net);
    snprintf(ib, sizeof ib, "10.%d.0.2", net);
    sh("ip netns del %s 2>/dev/null; ip netns del %s 2>/dev/null; true", a, b);
    int fa = open_tun(ta), fb = open_tun(tb);
    for (int i = 0; i < 2; i++) {
        const char *ns = i ? b : a, *t = i ? tb : ta, *ip = i ? ib : ia;
        sh("ip netns add %s && ip link set %s netns %s && ip -n %s addr add "
           "%s/24 dev %s && ip -n %s link set %s mtu %u txqueuelen 10000 up && "
           "ip -n %s link set lo up",
           ns, t, ns, ns, ip, t, ns, t, mtu, ns);
    }
    struct direction ab = {.in = fa,
                           .out = fb,
                           .loss = loss,
                           .dup = dup,
                           .corrupt = corrupt,
                           .reorder = reorder,
                           .jitter = (ns_t)(jitter * 1e6),
                           .seed = seed * 2654435761u + 88172645463325252ull};
    struct direction ba = {.in = fb,
                           .out = fa,
                           .loss = back_loss,
                           .dup = dup,
                           .corrupt = corrupt,
                           .reorder = reorder,
                           .jitter = (ns_t)(jitter * 1e6),
                           .seed = seed * 40503u + 2463534242ull};
    prepare(&ab, rate, rtt, queue, mtu);
    prepare(&ba, back_rate, rtt, queue, mtu);

    pid_t child = 0;
    if (optind < argc) {
        setenv("WAN_A", a, 1);
        setenv("WAN_B", b, 1);
        setenv("WAN_A_IP", ia, 1);
        setenv("WAN_B_IP", ib, 1);
        if ((child = fork()) == 0) {
            signal(SIGPIPE, SIG_DFL);
            execvp(argv[optind], argv + optind);
            die(argv[optind]);
        }
    } else
        fprintf(stderr, "wan: %s (%s) <-> %s (%s) up\n", a, ia, b, ib);

    ns_t begin = now_ns(), end = secs > 0 ? begin + (ns_t)(secs * 1e9) : 0,
         checked = 0;
    int status = 0;
    while (!stop) {
        int got = take_in(&ab, 64) + take_in(&ba, 64);
        ns_t na = let_out(&ab), nb = let_out(&ba), now = now_ns();
        if (end && now > end)
            break;
        if (child && now - checked > 20000000) {
            checked = now;
            if (waitpid(child, &status, WNOHANG) == child) {
                child = 0;
                break;
            }
        }
        if (got)
            continue;
        ns_t next = na && (!nb || na < nb) ? na : nb,
             wait = next ? (next > now ? next - now : 0) : 20000000;
        if (wait > 20000000)
            wait = 20000000;
        if (wait == 0)
            continue;
        struct pollfd p[2] = {{fa, POLLIN, 0}, {fb, POLLIN, 0}};
        struct timespec t = {0, (long)wait};
        ppoll(p, 2, &t, NULL);
    }
    double took = (double)(now_ns() - begin) / 1e9;
    if (child) {
        kill(child, SIGTERM);
        waitpid(child, &status, 0);
    }
    report("a->b", &ab, took);
    report("b->a", &ba, took);
    sh("ip netns del %s; ip netns del %s", a, b);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
