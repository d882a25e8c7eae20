#include "base/datetime.h"

#include "base/check.h"

#define US_PER_S INT64_C(1000000)
#define S_PER_DAY INT64_C(86400)
#define DAYS_MIN INT64_C(-719162) /* 0001-01-01 */
#define DAYS_MAX INT64_C(2932896) /* 9999-12-31 */

/* Days from 1970-01-01 to the given date; years begin in March here, so that
 * the leap day is the last of a year. */
static int64_t days_from_date(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = year / 400;
    int64_t year_of_era = year - era * 400;
    int64_t month_from_march = (month + 9) % 12;
    int64_t day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 -
                         year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static void date_from_days(int64_t days, int *year, int *month, int *day)
{
    days += 719468;
    int64_t era = days / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 -
                           day_of_era / 146096) /
                          365;
    int64_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;

    *day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1);
    *month = (int)(month_from_march < 10 ? month_from_march + 3
                                         : month_from_march - 9);
    *year = (int)(year_of_era + era * 400 + (*month <= 2));
}

/* A session shows a few dates, and polls show thousands of sessions a second:
 * snprintf() took a tenth of an answer's time. */
static void write_digits(char *text, uint32_t count, uint32_t value)
{
    for (uint32_t i = count; i > 0; i--) {
        text[i - 1] = (char)('0' + value % 10);
        value /= 10;
    }
}

void datetime_format(int64_t time_us, char text[DATETIME_TEXT_BYTES + 1])
{
    int year, month, day;
    int64_t seconds = time_us / US_PER_S;
    int64_t fraction = time_us % US_PER_S;
    if (fraction < 0) {
        fraction += US_PER_S;
        seconds--;
    }
    int64_t days = seconds / S_PER_DAY;
    int64_t in_day = seconds % S_PER_DAY;
    if (in_day < 0) {
        in_day += S_PER_DAY;
        days--;
    }
    CHECK(days >= DAYS_MIN && days <= DAYS_MAX);
    date_from_days(days, &year, &month, &day);
    write_digits(text, 4, (uint32_t)year);
    write_digits(text + 5, 2, (uint32_t)month);
    write_digits(text + 8, 2, (uint32_t)day);
    write_digits(text + 11, 2, (uint32_t)(in_day / 3600));
    write_digits(text + 14, 2, (uint32_t)(in_day / 60 % 60));
    write_digits(text + 17, 2, (uint32_t)(in_day % 60));
    write_digits(text + 20, 6, (uint32_t)fraction);
    text[4] = text[7] = '-';
    text[10] = 'T';
    text[13] = text[16] = ':';
    text[19] = '.';
    text[26] = 'Z';
    text[27] = '\0';
}

/* Reads exactly `count` digits at `*at`. */
static bool read_digits(struct text *at, unsigned count, int64_t *value)
{
    uint64_t read;

    if (at->size_bytes < count ||
        !text_to_u64(text_from(at->data, count), 999999999, &read))
        return false;
    at->data += count;
    at->size_bytes -= count;
    *value = (int64_t)read;
    return true;
}

static bool read_char(struct text *at, char c)
{
    if (at->size_bytes == 0 || at->data[0] != c)
        return false;
    at->data++;
    at->size_bytes--;
    return true;
}

static bool read_fraction(struct text *at, int64_t *fraction_us)
{
    int64_t unit = US_PER_S / 10;
    unsigned count = 0;

    *fraction_us = 0;
    if (!read_char(at, '.'))
        return true;
    while (at->size_bytes > 0 && at->data[0] >= '0' && at->data[0] <= '9') {
        *fraction_us += (at->data[0] - '0') * unit;
        unit /= 10;
        at->data++;
        at->size_bytes--;
        count++;
    }
    return count > 0;
}

static bool read_zone(struct text *at, int64_t *offset_s)
{
    int64_t hours, minutes;
    int64_t sign;

    *offset_s = 0;
    if (at->size_bytes == 0 || read_char(at, 'Z'))
        return at->size_bytes == 0;
    if (read_char(at, '+'))
        sign = 1;
    else if (read_char(at, '-'))
        sign = -1;
    else
        return false;
    if (!read_digits(at, 2, &hours) || !read_char(at, ':') ||
        !read_digits(at, 2, &minutes) || at->size_bytes != 0)
        return false;
    if (minutes > 59 || hours * 60 + minutes > 14 * 60)
        return false;
    *offset_s = sign * (hours * 3600 + minutes * 60);
    return true;
}

static int64_t days_in_month(int64_t year, int64_t month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30,
                                   31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month == 2 && leap ? 29 : days[month - 1];
}

bool datetime_parse(struct text text, int64_t *time_us)
{
    int64_t year, month, day, hour, minute, second, fraction_us, offset_s;
    struct text at = text_trim(text);

    if (at.data == NULL || !read_digits(&at, 4, &year) ||
        !read_char(&at, '-') || !read_digits(&at, 2, &month) ||
        !read_char(&at, '-') || !read_digits(&at, 2, &day) ||
        !read_char(&at, 'T') || !read_digits(&at, 2, &hour) ||
        !read_char(&at, ':') || !read_digits(&at, 2, &minute) ||
        !read_char(&at, ':') || !read_digits(&at, 2, &second) ||
        !read_fraction(&at, &fraction_us) || !read_zone(&at, &offset_s))
        return false;
    if (year < 1 || month < 1 || month > 12 || day < 1 ||
        day > days_in_month(year, month) || minute > 59 || second > 59)
        return false;
    if (hour > 24 || (hour == 24 && (minute | second | fraction_us) != 0))
        return false;

    int64_t seconds = days_from_date(year, month, day) * S_PER_DAY +
                      hour * 3600 + minute * 60 + second - offset_s;
    /* The offset, and 24:00:00, may lead beyond the years. */
    if (seconds < DAYS_MIN * S_PER_DAY ||
        seconds >= (DAYS_MAX + 1) * S_PER_DAY)
        return false;
    *time_us = seconds * US_PER_S + fraction_us;
    return true;
}
