#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/daemon.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/soap_client.h"
#include "cli/transfer.h"
#include "io/loop.h"
#include "transfer/node.h"

#define SECOND_NS UINT64_C(1000000000)
/* Into a file or a pipe; on a terminal as often as it is read with ease. */
#define PROGRESS_NS SECOND_NS
#define PROGRESS_DRAWN_NS (SECOND_NS / 5)
#define RETRY_S_MAX 60u

/* ---- its life ---- */

static uint32_t terminal_columns(void)
{
    struct winsize size;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return PROGRESS_COLUMNS;
}

static void print_json(const struct errand *errand,
                       const struct transfer_stats *stats, const char *state)
{
    printf("{\"Status\":\"%s\",\"FilesComplete\":%u,\"FilesExpected\":%u,"
           "\"BytesWritten\":%llu,\"BytesExpected\":%llu,"
           "\"BytesTransferred\":%llu,\"FilesFailed\":%u,"
           "\"RateKbps\":%llu,\"ElapsedUs\":%llu,\"RetryCount\":%u,"
           "\"ErrorCode\":%d}\n",
           state, stats->files_complete, stats->expected_file_count,
           (unsigned long long)stats->bytes_written,
           (unsigned long long)stats->expected_bytes,
           (unsigned long long)stats->bytes_transferred, stats->files_failed,
           (unsigned long long)stats->rate_kbps,
           (unsigned long long)stats->elapsed_us, errand->retry_count,
           (int)stats->error);
    fflush(stdout);
}

/* On a terminal one line that is drawn over; else a line now and then. */
static void print_progress(struct errand *errand,
                           const struct transfer_stats *stats)
{
    struct progress progress = {
        .done_bytes = stats->bytes_written,
        .total_bytes = stats->expected_bytes,
        .total_known = stats->scan_finished,
        .done_files = stats->files_complete,
        .total_files = stats->expected_file_count,
        .rate_kbps = stats->rate_kbps,
        .retry_count = errand->retry_count,
        .is_paused = stats->state == TRANSFER_PAUSED,
    };
    char line[PROGRESS_BYTES];

    if (errand->json) {
        print_json(errand, stats, "running");
    } else if (errand->is_terminal) {
        /* In the last column a terminal may wrap. */
        progress_line(&progress, terminal_columns() - 1, line);
        fprintf(stderr, "\r%s\x1b[K", line);
        errand->is_drawn = true;
    } else {
        progress_line(&progress, PROGRESS_COLUMNS - 1, line);
        fprintf(stderr, "%s\n", line);
    }
}

/* What is printed next begins on a line of its own. */
static void end_line(struct errand *errand)
{
    if (errand->is_drawn)
        fputs("\r\x1b[K", stderr);
    errand->is_drawn = false;
}

static void start_progress(struct errand *errand);

static void progress_fired(struct loop_timer *timer)
{
    struct errand *errand = OWNER_OF(timer, struct errand, progress);
    struct transfer_stats stats;

    transfer_stats(errand->session, &stats);
    if (stats.state == TRANSFER_RUNNING || stats.state == TRANSFER_PAUSED)
        print_progress(errand, &stats);
    start_progress(errand);
}

static void start_progress(struct errand *errand)
{
    loop_timer_start(errand->loop, &errand->progress,
                     loop_now_ns(errand->loop) + (errand->is_terminal
                                                      ? PROGRESS_DRAWN_NS
                                                      : PROGRESS_NS),
                     progress_fired);
}

/* ---- again ---- */

static void start_session(struct errand *errand)
{
    errand->params.session_id = uuid_new();
    errand->session = transfer_start(errand->node, &errand->params, NULL);
    start_progress(errand);
}

static void retry_fired(struct loop_timer *timer)
{
    start_session(OWNER_OF(timer, struct errand, retry));
}

/* Files that are there already are skipped: they have kept their times. */
static bool may_retry(const struct errand *errand,
                      const struct transfer_stats *stats)
{
    return stats->state == TRANSFER_FAILED && !errand->cancelled &&
           errand->retry_count < errand->retries_max &&
           fasp_error_is_retryable(stats->error);
}

static void print_error(const struct transfer_stats *stats)
{
    say("error %d: %.*s", (int)stats->error,
        (int)stats->error_text.size_bytes,
        stats->error_text.data ? stats->error_text.data : "");
}

static void retry(struct errand *errand)
{
    uint64_t wait_s = UINT64_C(1) << errand->retry_count;

    if (wait_s > RETRY_S_MAX)
        wait_s = RETRY_S_MAX;
    errand->retry_count++;
    say("trying again in %llu s (%u of %u)", (unsigned long long)wait_s,
        errand->retry_count, errand->retries_max);
    loop_timer_start(errand->loop, &errand->retry,
                     loop_now_ns(errand->loop) + wait_s * SECOND_NS,
                     retry_fired);
}

static void print_end(const struct errand *errand,
                      const struct transfer_stats *stats)
{
    double seconds = (double)stats->elapsed_us / 1e6;
    double mbps = seconds > 0
                      ? (double)stats->bytes_transferred * 8 / 1e6 / seconds
                      : 0;
    bool completed = stats->state == TRANSFER_COMPLETED;

    if (errand->json)
        print_json(errand, stats,
                   completed                           ? "completed"
                   : stats->state == TRANSFER_CANCELLED ? "cancelled"
                                                        : "error");
    else if (completed)
        printf("%u files, %llu bytes in %.2f s, %.0f Mbit/s\n",
               stats->files_complete, (unsigned long long)stats->bytes_written,
               seconds, mbps);
}

static void session_ended(void *owner, struct transfer_session *session)
{
    struct errand *errand = owner;
    struct transfer_stats stats;

    transfer_stats(session, &stats);
    errand->session = NULL;
    loop_timer_stop(errand->loop, &errand->progress);
    end_line(errand);
    if (stats.state != TRANSFER_COMPLETED)
        print_error(&stats);
    if (may_retry(errand, &stats)) {
        retry(errand);
        return;
    }
    errand->ended = true;
    errand->code =
        stats.state == TRANSFER_COMPLETED ? EXIT_DONE : EXIT_FAILED;
    print_end(errand, &stats);
}

static void file_changed(void *owner, struct transfer_session *session,
                         const struct transfer_file *file)
{
    struct errand *errand = owner;

    (void)session;
    if (file->state != TRANSFER_FILE_FAILED)
        return;
    end_line(errand);
    say("%.*s: error %d: %.*s", (int)file->path.size_bytes, file->path.data,
        (int)file->error, (int)file->error_text.size_bytes,
        file->error_text.data ? file->error_text.data : "");
}

static void session_changed(void *owner, struct transfer_session *session,
                            enum transfer_change change)
{
    (void)owner;
    (void)session;
    (void)change;
}

static void login(void *owner, struct transfer_login *login, struct text user)
{
    (void)owner;
    (void)user;
    transfer_login_answer(login, NULL); /* nobody logs in to a command */
}

static void opened(void *owner, struct transfer_session *session)
{
    (void)owner;
    (void)session;
}

static const struct transfer_node_events events = {
    .login = login,
    .opened = opened,
    .changed = session_changed,
    .file = file_changed,
    .ended = session_ended,
};

static void caught(struct loop_signals *signals, int number)
{
    struct errand *errand = OWNER_OF(signals, struct errand, signals);

    if (number != SIGTERM && number != SIGINT)
        return;
    if (errand->cancelled)
        _exit(EXIT_FAILED); /* the second time: at once */
    errand->cancelled = true;
    if (errand->session != NULL) {
        transfer_cancel(errand->session);
    } else if (loop_timer_running(&errand->retry)) {
        loop_timer_stop(errand->loop, &errand->retry);
        say("cancelled before it was tried again");
        errand->ended = true;
        errand->code = EXIT_FAILED;
    }
}

static int run(struct errand *errand)
{
    struct transfer_node_config config = {
        .events = &events,
        .owner = errand,
    };

    loop_signals_block();
    int code = open_loop(&errand->loop);
    if (code != EXIT_DONE)
        return code;
    config.loop = errand->loop;
    int result = transfer_node_open(&errand->node, &config);
    if (result == 0)
        result = loop_signals_open(errand->loop, &errand->signals, caught);
    if (result != 0) {
        say("cannot open a UDP port: %s", strerror(-result));
        return EXIT_FAILED;
    }
    errand->params.local_docroot = text_of("/");
    start_session(errand);
    while (!errand->ended)
        loop_run_once(errand->loop);
    return errand->code;
}

static int command_transfer(const struct command *command, int argc,
                            char **argv, enum transfer_operation operation)
{
    static struct errand errand;
    struct errand_options options = {0};
    const struct option_row rows[] = {
        {"--password-stdin", OPTION_FLAG, &options.password_stdin},
        {"--key", OPTION_TEXT, &options.key},
        {"--rate", OPTION_TEXT, &options.rate},
        {"--policy", OPTION_TEXT, &options.policy},
        {"--fingerprint", OPTION_TEXT, &options.fingerprint},
        {"--cipher", OPTION_TEXT, &options.cipher},
        {"--mkdir", OPTION_FLAG, &options.mkdir},
        {"--retries", OPTION_TEXT, &options.retries},
        {"--json", OPTION_FLAG, &options.json},
        {"-D", OPTION_LEVEL, &options.debug},
        {0},
    };

    int others = options_read(command, argc, argv, rows);
    if (others < 0)
        return EXIT_USAGE;
    harden_process();
    arena_init(&errand.arena, ERRAND_SOURCES_MAX * (size_t)PATH_MAX);
    log_set_level(options.debug > 0 ? LOG_DEBUG : LOG_ERROR);
    errand.params.operation = operation;
    int code = errand_read(&errand, command, others, argv, &options);
    if (code != EXIT_DONE)
        return code;
    return run(&errand);
}

int command_push(const struct command *command, int argc, char **argv)
{
    return command_transfer(command, argc, argv, TRANSFER_PUSH);
}

int command_pull(const struct command *command, int argc, char **argv)
{
    return command_transfer(command, argc, argv, TRANSFER_PULL);
}
