/* Many observers in one process, for bench:push: takes notifications as fast as
 * they come and says how late they were.
 *
 *   push_sink PORTS          prints "port N" for each, then answers lines:
 *     reset                  forgets what was measured
 *     bin 0, bin 1           what comes from here on is measured in this one
 *     count                  of the bin
 *     report                 of the bin: count, and p50, p99 and the most in
 *                            microseconds
 *     lap                    the same of what came since the last lap
 *
 * The path decides: /slow answers after 300 ms, /silent never, /fail with 500,
 * all else at once; only the last are measured.  Lateness is the time from an
 * event's Time, just before its commit, until it is here. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ROOM (1u << 20)
#define SLOW_US 300000
#define LATE_MAX 4000000u

struct conn {
    int fd;
    uint32_t used;
    int64_t answer_us; /* /slow: when; 0 = nothing waits */
    struct conn *slow_next;
    char data[ROOM];
};

static int epoll;
static struct conn *slow;
static struct bin {
    uint32_t *late; /* microseconds */
    uint64_t count;
    uint64_t lap; /* where it began */
} bins[2], *bin = bins;

static int64_t wall_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
static const char no[] = "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n";

static void answer(struct conn *conn, const char *text)
{
    ssize_t sent = send(conn->fd, text, strlen(text), MSG_NOSIGNAL);
    (void)sent;
}

static void measure(const char *body)
{
    const char *at = strstr(body, "<Time>");
    struct tm tm = {0};
    double seconds;

    bin->count++;
    if (at == NULL || sscanf(at, "<Time>%d-%d-%dT%d:%d:%lfZ", &tm.tm_year,
                             &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min,
                             &seconds) != 6)
        return;
    tm.tm_year -= 1900;
    tm.tm_mon--;
    int64_t then = (int64_t)timegm(&tm) * 1000000 + (int64_t)(seconds * 1e6);
    int64_t spent = wall_us() - then;
    if (bin->count <= LATE_MAX)
        bin->late[bin->count - 1] = spent < 0 ? 0 : (uint32_t)spent;
}

static void take_one(struct conn *conn, char *head_end)
{
    if (strncmp(conn->data, "POST /silent", 12) == 0)
        return;
    if (strncmp(conn->data, "POST /slow", 10) == 0) {
        conn->answer_us = wall_us() + SLOW_US;
        conn->slow_next = slow;
        slow = conn;
    } else if (strncmp(conn->data, "POST /fail", 10) == 0) {
        answer(conn, no);
    } else {
        measure(head_end);
        answer(conn, ok);
    }
}

static void take(struct conn *conn)
{
    for (;;) {
        conn->data[conn->used] = '\0';
        char *head_end = strstr(conn->data, "\r\n\r\n");
        char *length = strcasestr(conn->data, "content-length:");
        if (head_end == NULL || length == NULL)
            return;
        uint32_t size = (uint32_t)(head_end + 4 - conn->data) +
                        (uint32_t)atoi(length + 15);
        if (conn->used < size)
            return;
        char last = conn->data[size];
        conn->data[size] = '\0';
        take_one(conn, head_end);
        conn->data[size] = last;
        conn->used -= size;
        memmove(conn->data, conn->data + size, conn->used);
    }
}

static void drop(struct conn *conn)
{
    for (struct conn **link = &slow; *link != NULL; link = &(*link)->slow_next)
        if (*link == conn) {
            *link = conn->slow_next;
            break;
        }
    close(conn->fd);
    free(conn);
}

static void readable(struct conn *conn)
{
    ssize_t got = recv(conn->fd, conn->data + conn->used,
                       ROOM - 1 - conn->used, MSG_DONTWAIT);

    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        drop(conn);
        return;
    }
    conn->used += (uint32_t)got;
    take(conn);
}

static void answer_slow(void)
{
    int64_t now = wall_us();

    for (struct conn **link = &slow; *link != NULL;) {
        struct conn *conn = *link;
        if (conn->answer_us > now) {
            link = &conn->slow_next;
            continue;
        }
        *link = conn->slow_next;
        answer(conn, ok);
    }
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* Of all that came after the first ones. */
static void report(uint64_t first)
{
    uint64_t last = bin->count < LATE_MAX ? bin->count : LATE_MAX;
    uint64_t count = first < last ? last - first : 0;
    uint32_t *sorted = malloc((count + 1) * sizeof *sorted);

    memcpy(sorted, bin->late + first, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, by_size);
    printf("%llu %u %u %u\n", (unsigned long long)(bin->count - first),
           count ? sorted[count / 2] : 0, count ? sorted[count * 99 / 100] : 0,
           count ? sorted[count - 1] : 0);
    free(sorted);
}

static void command(void)
{
    char line[64];

    if (fgets(line, sizeof line, stdin) == NULL)
        exit(0);
    if (strncmp(line, "reset", 5) == 0) {
        bins[0].count = bins[1].count = 0;
        bins[0].lap = bins[1].lap = 0;
        bin = bins;
        puts("reset");
    } else if (strncmp(line, "bin ", 4) == 0) {
        bin = &bins[line[4] == '1'];
        puts("bin");
    } else if (strncmp(line, "count", 5) == 0) {
        printf("%llu\n", (unsigned long long)bin->count);
    } else if (strncmp(line, "lap", 3) == 0) {
        report(bin->lap);
        bin->lap = bin->count;
    } else {
        report(0);
    }
    fflush(stdout);
}

int main(int argc, char **argv)
{
    int ports = argc > 1 ? atoi(argv[1]) : 1;
    int *listeners = calloc((size_t)ports, sizeof *listeners);
    struct epoll_event event = {.events = EPOLLIN};

    for (int i = 0; i < 2; i++)
        bins[i].late = malloc(LATE_MAX * sizeof *bins[i].late);
    epoll = epoll_create1(0);
    for (int i = 0; i < ports; i++) {
        struct sockaddr_in address = {.sin_family = AF_INET};
        socklen_t size = sizeof address;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        listeners[i] = socket(AF_INET, SOCK_STREAM, 0);
        if (bind(listeners[i], (struct sockaddr *)&address, size) != 0 ||
            listen(listeners[i], 1024) != 0)
            return 1;
        getsockname(listeners[i], (struct sockaddr *)&address, &size);
        event.data.u64 = (uint64_t)i;
        epoll_ctl(epoll, EPOLL_CTL_ADD, listeners[i], &event);
        printf("port %d\n", ntohs(address.sin_port));
    }
    event.data.u64 = UINT32_MAX;
    epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &event);
    fflush(stdout);
    for (;;) {
        struct epoll_event ready[256];
        int got = epoll_wait(epoll, ready, 256, slow != NULL ? 10 : -1);
        for (int i = 0; i < got; i++) {
            if (ready[i].data.u64 == UINT32_MAX) {
                command();
            } else if (ready[i].data.u64 < (uint64_t)ports) {
                int fd = accept(listeners[ready[i].data.u64], NULL, NULL);
                int one = 1;
                if (fd < 0)
                    continue;
                struct conn *conn = malloc(sizeof *conn);
                conn->fd = fd;
                conn->used = 0;
                conn->answer_us = 0;
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                event.data.ptr = conn;
                epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
            } else {
                readable(ready[i].data.ptr);
            }
        }
        answer_slow();
    }
}
