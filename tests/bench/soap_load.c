/* Asks one server for GetSessionInfo as fast as it answers, or at a rate.
 *
 *   soap_load PORT CONNECTIONS SECONDS RATE JOBS
 *
 * Each of the keep-alive connections has one request out at a time, for a job
 * drawn from the file JOBS (one id a line).  RATE is requests a second in all,
 * 0 = as fast as possible.  Every answer is looked at: 200, one result, of that
 * job.  Prints requests a second, and p50, p99 and the longest answer time in
 * microseconds, counted from when a request was due.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 1024
#define ANSWER_BYTES 65536
#define ID_BYTES 36

struct client {
    int fd;
    uint64_t due_ns; /* when the request that is out was to be sent */
    uint32_t answer_bytes;
    uint32_t job;
    int waiting;
    char answer[ANSWER_BYTES];
};

static struct client clients[CONNECTIONS_MAX];
static char (*jobs)[ID_BYTES + 1];
static uint32_t job_count;
static uint32_t *times_us;
static uint64_t answered, times_room;

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "soap_load: %s\n", what);
    exit(1);
}

static void read_jobs(const char *path)
{
    FILE *file = fopen(path, "r");
    char line[64];

    if (file == NULL)
        die("cannot read the job ids");
    jobs = calloc(1000000, sizeof *jobs);
    while (job_count < 1000000 && fgets(line, sizeof line, file) != NULL)
        memcpy(jobs[job_count++], line, ID_BYTES);
    fclose(file);
    if (job_count == 0)
        die("no job ids");
}

static void send_request(struct client *client, uint64_t due_ns)
{
    static const char form[] =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\">"
        "<s:Body><f:GetSessionInfoRequest "
        "xmlns:f=\"urn:Aspera:XML:FASPSessionNET:2009/11:Types\">"
        "<SessionFilter><JobId>%s</JobId></SessionFilter>"
        "</f:GetSessionInfoRequest></s:Body></s:Envelope>";
    char body[1024];
    char request[2048];

    client->job = (uint32_t)(((uint64_t)rand() << 16 ^ (uint64_t)rand()) %
                             job_count);
    int body_bytes = snprintf(body, sizeof body, form, jobs[client->job]);
    int size = snprintf(request, sizeof request,
                        "POST /services/soap/Transfer-201210 HTTP/1.1\r\n"
                        "Host: 127.0.0.1\r\n"
                        "Content-Type: text/xml; charset=utf-8\r\n"
                        "SOAPAction: \"FASPSessionNET-200911#GetSessionInfo\""
                        "\r\nContent-Length: %d\r\n\r\n%s",
                        body_bytes, body);
    if (write(client->fd, request, (size_t)size) != size)
        die("a request does not fit the socket");
    client->due_ns = due_ns;
    client->answer_bytes = 0;
    client->waiting = 1;
}

/* The size of the whole answer once its head is there, else 0. */
static uint32_t whole_bytes(const struct client *client)
{
    const char *end = memmem(client->answer, client->answer_bytes, "\r\n\r\n", 4);
    const char *length;

    if (end == NULL)
        return 0;
    length = memmem(client->answer, (size_t)(end - client->answer),
                    "Content-Length: ", 16);
    if (length == NULL)
        die("an answer without Content-Length");
    return (uint32_t)(end + 4 - client->answer) +
           (uint32_t)strtoul(length + 16, NULL, 10);
}

static void check_answer(struct client *client)
{
    client->answer[client->answer_bytes] = '\0';
    if (strncmp(client->answer, "HTTP/1.1 200", 12) != 0 ||
        strstr(client->answer, "<ResultCount>1<") == NULL ||
        strstr(client->answer, jobs[client->job]) == NULL)
        die(client->answer);
}

/* Returns 1 when the answer is complete. */
static int receive(struct client *client)
{
    ssize_t got = recv(client->fd, client->answer + client->answer_bytes,
                       ANSWER_BYTES - 1 - client->answer_bytes, MSG_DONTWAIT);

    if (got <= 0) {
        if (got < 0 && errno == EAGAIN)
            return 0;
        die("the server closed a connection");
    }
    client->answer_bytes += (uint32_t)got;
    uint32_t whole = whole_bytes(client);
    if (whole == 0 || client->answer_bytes < whole)
        return 0;
    check_answer(client);
    if (answered < times_room)
        times_us[answered] = (uint32_t)((now_ns() - client->due_ns) / 1000);
    answered++;
    client->waiting = 0;
    return 1;
}

static int by_value(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;

    return a < b ? -1 : a > b;
}

static int connect_to(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int on = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        die("cannot connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

int main(int argc, char **argv)
{
    if (argc != 6)
        die("usage: soap_load PORT CONNECTIONS SECONDS RATE JOBS");
    uint32_t count = (uint32_t)atoi(argv[2]);
    double seconds = atof(argv[3]);
    double rate = atof(argv[4]);
    int epoll = epoll_create1(0);

    prctl(PR_SET_TIMERSLACK, 1000);
    read_jobs(argv[5]);
    if (count == 0 || count > CONNECTIONS_MAX)
        die("1 to 1024 connections");
    times_room = 20000000;
    times_us = malloc(times_room * sizeof *times_us);
    for (uint32_t i = 0; i < count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
        clients[i].fd = connect_to((uint16_t)atoi(argv[1]));
        epoll_ctl(epoll, EPOLL_CTL_ADD, clients[i].fd, &event);
    }

    uint64_t start = now_ns();
    uint64_t end = start + (uint64_t)(seconds * 1e9);
    uint64_t step = rate > 0 ? (uint64_t)(1e9 / rate) : 0;
    uint64_t due = start;
    for (uint32_t i = 0; i < count && rate <= 0; i++)
        send_request(&clients[i], start);
    while (now_ns() < end) {
        struct epoll_event events[64];
        uint64_t now = now_ns();
        for (uint32_t i = 0; rate > 0 && i < count && due <= now; i++) {
            if (clients[i].waiting)
                continue;
            send_request(&clients[i], due);
            due += step;
        }
        struct timespec wait = {0, 1000000};
        if (rate > 0) {
            now = now_ns();
            wait.tv_nsec = due > now && due - now < 1000000 ? (long)(due - now)
                                                            : 200000;
        }
        int ready = epoll_pwait2(epoll, events, 64, &wait, NULL);
        for (int i = 0; i < ready; i++) {
            struct client *client = &clients[events[i].data.u32];
            if (receive(client) && rate <= 0)
                send_request(client, now_ns());
        }
    }
    double took = (double)(now_ns() - start) / 1e9;
    uint64_t kept = answered < times_room ? answered : times_room;
    if (kept == 0)
        die("no answer came");
    qsort(times_us, kept, sizeof *times_us, by_value);
    printf("%.0f %u %u %u\n", (double)answered / took, times_us[kept / 2],
           times_us[kept * 99 / 100], times_us[kept - 1]);
    return 0;
}
