#include "cli/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cli/command.h"
#include "crypto/password.h"

int read_file(const char *path, struct text_builder *text)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    int result = 0;
    char piece[8192];

    if (fd < 0)
        return -errno;
    for (;;) {
        ssize_t got = read(fd, piece, sizeof piece);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            result = got < 0 ? -errno : 0;
            break;
        }
        text_add(text, text_from(piece, (size_t)got));
        if (text->failed) {
            result = -EFBIG;
            break;
        }
    }
    if (!is_stdin)
        close(fd);
    return result;
}

/* One line of `fd`, byte by byte: what follows it is not ours to take. */
static int read_line(int fd, struct text_builder *text)
{
    char c;
    ssize_t got;

    text->size_bytes_max = PASSWORD_BYTES_MAX;
    while ((got = read(fd, &c, 1)) == 1 && c != '\n')
        text_add_char(text, c);
    if (got < 0) {
        say("cannot read the password: %s", strerror(errno));
        return EXIT_FAILED;
    }
    if (text->size_bytes > 0 && text->data[text->size_bytes - 1] == '\r')
        text->size_bytes--;
    if (text->failed) {
        say("the password is longer than %u bytes", PASSWORD_BYTES_MAX);
        return EXIT_FAILED;
    }
    if (text->size_bytes == 0) {
        say("the password is empty");
        return EXIT_FAILED;
    }
    return EXIT_DONE;
}

int read_secret_line(struct text_builder *text)
{
    return read_line(STDIN_FILENO, text);
}

int ask_secret(const char *prompt, struct text_builder *text)
{
    struct termios shown;
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);

    if (fd < 0 || tcgetattr(fd, &shown) != 0) {
        if (fd >= 0)
            close(fd);
        say("no password: give --password-stdin, $FERRY_PASSWORD or --key "
            "FILE, or run it on a terminal");
        return EXIT_FAILED;
    }
    struct termios hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(fd, TCSAFLUSH, &hidden);
    (void)!write(fd, prompt, strlen(prompt));
    int code = read_line(fd, text);
    tcsetattr(fd, TCSAFLUSH, &shown);
    (void)!write(fd, "\n", 1);
    close(fd);
    return code;
}
