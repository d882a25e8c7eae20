/* Certificates and keys for tests alone, P-256, by openssl ca -selfsign. */
#ifndef TESTS_CRYPTO_HTTPS_PEMS_H
#define TESTS_CRYPTO_HTTPS_PEMS_H

/* For localhost, ferry.example and 127.0.0.1, from 2020 to 2120. */
#define CERTIFICATE_A \
    "-----BEGIN CERTIFICATE-----\n" \
    "MIIBfTCCASSgAwIBAgIJAMw+qavEDQxmMAoGCCqGSM49BAMCMBQxEjAQBgNVBAMM\n" \
    "CWxvY2FsaG9zdDAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowFDES\n" \
    "MBAGA1UEAwwJbG9jYWxob3N0MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEh/nU\n" \
    "ryofW1buNjREg3ogZbcaT69SIifVgbagVQskdbaN0rNyecsyp9JdXPhHu+7uLIM+\n" \
    "jQv6TS8ZCal0H8EbkaNdMFswKQYDVR0RBCIwIIIJbG9jYWxob3N0gg1mZXJyeS5l\n" \
    "eGFtcGxlhwR/AAABMA8GA1UdEwEB/wQFMAMBAf8wHQYDVR0OBBYEFK9dkdIGnQxC\n" \
    "Nj+h0oSv46Zr1qPMMAoGCCqGSM49BAMCA0cAMEQCICNjhrgSjtUpH/QL24bKGg28\n" \
    "ia30drWnihW+A3hWpDBtAiAmTQ8oi/DLB7Ip5FhzU9QsbbvuvENVHxhBPAXqsXfq\n" \
    "TQ==\n" \
    "-----END CERTIFICATE-----\n"
#define KEY_A \
    "-----BEGIN PRIVATE KEY-----\n" \
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg2PpmH5rXdv4zZUjx\n" \
    "NaFApM3qXxwsOIvtBc24hPfidUuhRANCAASH+dSvKh9bVu42NESDeiBltxpPr1Ii\n" \
    "J9WBtqBVCyR1to3Ss3J5yzKn0l1c+Ee77u4sgz6NC/pNLxkJqXQfwRuR\n" \
    "-----END PRIVATE KEY-----\n"
/* Of the same names, but of "stranger", with another key. */
#define CERTIFICATE_B \
    "-----BEGIN CERTIFICATE-----\n" \
    "MIIBejCCASGgAwIBAgIIGBM2072li74wCgYIKoZIzj0EAwIwEzERMA8GA1UEAwwI\n" \
    "c3RyYW5nZXIwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBMxETAP\n" \
    "BgNVBAMMCHN0cmFuZ2VyMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEfm4y/dC4\n" \
    "9oc8Umk67VENYW5BwmtVIQ1oEhGIeSHP0Wv1+EyeLQYcZsfy4wQQRapM5Pe7XqZ2\n" \
    "y8n+xSIic+3V96NdMFswKQYDVR0RBCIwIIIJbG9jYWxob3N0gg1mZXJyeS5leGFt\n" \
    "cGxlhwR/AAABMA8GA1UdEwEB/wQFMAMBAf8wHQYDVR0OBBYEFPv8in8OqLPa9Vr7\n" \
    "V4fIeNhpXvzzMAoGCCqGSM49BAMCA0cAMEQCIH+4B/hHmHNRQKy95H++q6AMHjH2\n" \
    "stSdBzO0FJ0Ho2GzAiAakxh1sJ1+GhoQI4qWDra0po4cYCXIhSgF8sK2Z/DNfQ==\n" \
    "-----END CERTIFICATE-----\n"
#define KEY_B \
    "-----BEGIN PRIVATE KEY-----\n" \
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgKks8Wo7L5TQT5ufc\n" \
    "mo6vlb+YvIbq40uz+FIAp0XnYeehRANCAAR+bjL90Lj2hzxSaTrtUQ1hbkHCa1Uh\n" \
    "DWgSEYh5Ic/Ra/X4TJ4tBhxmx/LjBBBFqkzk97tepnbLyf7FIiJz7dX3\n" \
    "-----END PRIVATE KEY-----\n"
/* Of key A, until 2021. */
#define CERTIFICATE_OLD \
    "-----BEGIN CERTIFICATE-----\n" \
    "MIIBezCCASGgAwIBAgIIMZnl4qXbF/kwCgYIKoZIzj0EAwIwFDESMBAGA1UEAwwJ\n" \
    "bG9jYWxob3N0MB4XDTIwMDEwMTAwMDAwMFoXDTIxMDEwMTAwMDAwMFowFDESMBAG\n" \
    "A1UEAwwJbG9jYWxob3N0MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEh/nUryof\n" \
    "W1buNjREg3ogZbcaT69SIifVgbagVQskdbaN0rNyecsyp9JdXPhHu+7uLIM+jQv6\n" \
    "TS8ZCal0H8EbkaNdMFswKQYDVR0RBCIwIIIJbG9jYWxob3N0gg1mZXJyeS5leGFt\n" \
    "cGxlhwR/AAABMA8GA1UdEwEB/wQFMAMBAf8wHQYDVR0OBBYEFK9dkdIGnQxCNj+h\n" \
    "0oSv46Zr1qPMMAoGCCqGSM49BAMCA0gAMEUCIHKdONSDuhj8ZxG1EwdtJkYXY9vo\n" \
    "slE4QU6nv3Fb8CxDAiEA0Z3EXnKyteOXJAUsWUrRVHkCXNCrRnz9v0V6ytFWySg=\n" \
    "-----END CERTIFICATE-----\n"
/* Of key A, for DNS Observer, * and observer2.example, email mail, and with the
 * common name "common". */
#define CERTIFICATE_LABEL \
    "-----BEGIN CERTIFICATE-----\n" \
    "MIIBdzCCARygAwIBAgIBATAKBggqhkjOPQQDAjARMQ8wDQYDVQQDDAZjb21tb24w\n" \
    "IBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBExDzANBgNVBAMMBmNv\n" \
    "bW1vbjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABIf51K8qH1tW7jY0RIN6IGW3\n" \
    "Gk+vUiIn1YG2oFULJHW2jdKzcnnLMqfSXVz4R7vu7iyDPo0L+k0vGQmpdB/BG5Gj\n" \
    "YzBhMC8GA1UdEQQoMCaCCE9ic2VydmVyggEqgQRtYWlsghFvYnNlcnZlcjIuZXhh\n" \
    "bXBsZTAPBgNVHRMBAf8EBTADAQH/MB0GA1UdDgQWBBSvXZHSBp0MQjY/odKEr+Om\n" \
    "a9ajzDAKBggqhkjOPQQDAgNJADBGAiEAzp5+oGODo8pQ6xyLTgucwsWuougXgZOU\n" \
    "Wi3npuH4wfACIQC7GM4Y73XXN7NTFyx35HReAs2v2R+yqgIO7uSqNLPYUw==\n" \
    "-----END CERTIFICATE-----\n"

#endif
