/* Throwaway keys, made for these tests alone.  Where a file is encrypted, the
 * passphrase is "secret". */
#ifndef SSH_KEY_VECTORS_H
#define SSH_KEY_VECTORS_H

/* ssh-keygen -t ed25519 -N '' */
static const char ssh_plain[] =
    "-----BEGIN OPENSSH PRIVATE KEY-----\n"
    "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n"
    "QyNTUxOQAAACCe1VIZQuc/657GzfCydiuqGqrE2a1bQ7dEzeFc4vFv7wAAAJDj0Jhf49CY\n"
    "XwAAAAtzc2gtZWQyNTUxOQAAACCe1VIZQuc/657GzfCydiuqGqrE2a1bQ7dEzeFc4vFv7w\n"
    "AAAEDApwkojm8mAQJR+If1l/s/Gpzbke1ECS/iX61MtBCDY57VUhlC5z/rnsbN8LJ2K6oa\n"
    "qsTZrVtDt0TN4Vzi8W/vAAAACnRocm93IGF3YXkBAgM=\n"
    "-----END OPENSSH PRIVATE KEY-----\n";

/* Its public half, as one line: type, key, comment. */
#define SSH_PUBLIC_BASE64                              \
    "AAAAC3NzaC1lZDI1NTE5AAAAIJ7VUhlC5z/rnsbN8LJ2K6oa" \
    "qsTZrVtDt0TN4Vzi8W/v"
static const char ssh_public[] =
    "ssh-ed25519 " SSH_PUBLIC_BASE64 " throw away\n";
static const char ssh_public_fingerprint[] =
    "SHA256:MMj875/2TH/HD1DHGWAd6XVA88hN1pr+uxLaaRYbqIQ";

/* ssh-keygen -t ed25519 -N secret */
static const char ssh_encrypted[] =
    "-----BEGIN OPENSSH PRIVATE KEY-----\n"
    "b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABAaRCWfsb\n"
    "f1XdlC+C7kUDrjAAAAEAAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIOx8pyhwsfuILSvL\n"
    "pRF5yO4pRLHZamhk8+ai65s4jFWqAAAAkJ5UljnsoVk75BX8T8Vv1Qh65gV/0/QweKdCWC\n"
    "SF0u/vUcl+yOzNkn4JE0AIl/oGh97AOk+ZTI1FsR//sRaNw2yNBvpNikUvHEdSkyxEBvIZ\n"
    "baKxym7zFxSOaa+gexEshLMOYdTMO1e0Ni/26gOZ2IjlGghovKVCcp84C7cC3imliD6Yf5\n"
    "M5Nsjor3Oxr9M7rA==\n"
    "-----END OPENSSH PRIVATE KEY-----\n";

/* ssh-keygen -t ecdsa */
static const char ssh_ecdsa[] =
    "-----BEGIN OPENSSH PRIVATE KEY-----\n"
    "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAaAAAABNlY2RzYS\n"
    "1zaGEyLW5pc3RwMjU2AAAACG5pc3RwMjU2AAAAQQQmTD+TPyLBGuseU7LYGsvANyW8CZJW\n"
    "YlkJjDDXLMdMkzr92nXBthz3bRk/0dq49s+yOqHn5gZfp/CAjeLvO4+kAAAAoIMl16mDJd\n"
    "epAAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBCZMP5M/IsEa6x5T\n"
    "stgay8A3JbwJklZiWQmMMNcsx0yTOv3adcG2HPdtGT/R2rj2z7I6oefmBl+n8ICN4u87j6\n"
    "QAAAAhAKv+yQAGcHrUd/4lMp6Zjl/M49vCfvQP69W9FjYXFDOzAAAAB3Jvb3RAdm0=\n"
    "-----END OPENSSH PRIVATE KEY-----\n";

static const char ssh_ecdsa_public[] =
    "ecdsa-sha2-nistp256 "
    "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBCZMP5M/"
    "IsEa6x5Tstgay8A3JbwJklZiWQmMMNcsx0yTOv3adcG2HPdtGT/"
    "R2rj2z7I6oefmBl+n8ICN4u87j6Q= root@vm\n";

/* ssh-keygen -t rsa -b 1024 -m PEM */
static const char ssh_rsa_old[] =
    "-----BEGIN RSA PRIVATE KEY-----\n"
    "MIICXQIBAAKBgQDZZ7eF3kZphDYnQqyGNRLTSm7YaqRs9zW+U1xR6YcS/J7Dfz+x\n"
    "9WYgSitVZ5CJvcjTckZ7L4AoLByySdZHtTUUwZoy51EO7YNOTV2PL4yyLKZXSk4h\n"
    "eyPpn5Qvhwrf2pikRHo3qYzOYd3dUw2MuRcmgqJ3atMUCZdzquAhiY6ArwIDAQAB\n"
    "AoGAaGlif51/7Z88ruBboV0N/IIL+E5HR7n2isDYXtKsN5cx3KxZd+tmr+1PIIZL\n"
    "qYuHTt3cMb9famu9IHdLvUavBbUKMiA1SPSv3+G8LDxM6YLKhAvhXfvvOgInJTdq\n"
    "C7XtcRdO9sjqhS+MJvDrp6qxWS8OroKOiamdr3KGehlsp6ECQQD4VGa0/bswubdN\n"
    "QoTpZaeMgugXv0JchNgkWprsklihvp+ObtzNr9gRBZi5RB5j/jx0H0UW84GYSZT0\n"
    "G1mox+G/AkEA4B7Jz2lRjtOnh95ZQQb5D0ou8r92OnPIV6Xj9wb31oA3ifwtWmzT\n"
    "W5QELNe7oTnnjnHHPacCpGMyAbw2EAI9EQJBAN3EiiByQ9xkzjTaBdZlqPaL5Xdn\n"
    "n3z+SgRVQeupWivAD7/kc53gvsWcyOIS2k0UO6q8TjgL6J02gSZq0mwvbQMCQF59\n"
    "vJpdDgzIwdZv8XOQLAu9PCQOgxtL24jQoVdyMaXXMxNTJg/81/PBaS0625mzHySY\n"
    "ZedhdaS3Scsffi+rsfECQQDeRCtwsNyTooOM8vQErciNM8QpBqtvPVbWBscvFCPH\n"
    "7h474MvCS61eJ+Bz3ii2Nu617cJMqwC2gRO6/165VU3J\n"
    "-----END RSA PRIVATE KEY-----\n";

/* openssl genpkey -algorithm ed25519 */
static const char pkcs8_plain[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIJZUzENXDYObSFQ+Av4yMZU5Ws9ULPLWTeGMHitGpCXU\n"
    "-----END PRIVATE KEY-----\n";

/* The same: openssl pkcs8 -topk8 */
static const char pkcs8_encrypted[] =
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
    "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAi5HHJQdkDT+AICCAAw\n"
    "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEH+ur7ZSE/dWjQ3uHad+DtAEQPlA\n"
    "WMx3mWSwi+HJ26aVTlQ+ROlozK7ptOeENkAhq63i44mHUHLIufCuiXyUjW4RbCPw\n"
    "nhA8bclp6BO6xerivA4=\n"
    "-----END ENCRYPTED PRIVATE KEY-----\n";

/* openssl genpkey -algorithm ed25519 -aes-256-cbc */
static const char pkcs8_generated[] =
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
    "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAi0ArvqegVN5AICCAAw\n"
    "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEENF13idkZQQgN34+ou89fwwEQJU6\n"
    "zRrMSdApo2eBAT082cZgkoP8tVHwez0dsw5RMz0BgX5dVGaMczkl8vuokGl+aHzu\n"
    "VdNwz+PJkGIxx7zlDuw=\n"
    "-----END ENCRYPTED PRIVATE KEY-----\n";

/* The key before that: openssl pkcs8 -topk8 -v2 aes-128-cbc */
static const char pkcs8_aes_128[] =
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
    "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAi3GyWdFs5N7AICCAAw\n"
    "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEAQIEENE7xGo5p2edp1RgOqV4OFwEQBsF\n"
    "Gow8ZdvWamk7MxuGnFO4adQr+aOqcdhudB4SAl2qT8X12hzn1Qzmtd+f/FB1P8AE\n"
    "b8X7YJ9I8hPqrdswTnI=\n"
    "-----END ENCRYPTED PRIVATE KEY-----\n";

/* openssl pkcs8 -topk8 -scrypt */
static const char pkcs8_scrypt[] =
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
    "MIGTME8GCSqGSIb3DQEFDTBCMCEGCSsGAQQB2kcECzAUBAgV6dLQQnQX7AICQAAC\n"
    "AQgCAQEwHQYJYIZIAWUDBAEqBBDd2I7qXzMhxl5Gz/T8IZM6BECu/gnCfl61uEqc\n"
    "whuNayZPgqBbB4p3b+8nYpNhC2rX+FT0T5gCPMfl28YHOPbBLkTju3lZ32OVq/eX\n"
    "k4oVOJLK\n"
    "-----END ENCRYPTED PRIVATE KEY-----\n";

/* openssl pkcs8 -topk8 -v1 PBE-SHA1-3DES */
static const char pkcs8_des[] =
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
    "MFgwHAYKKoZIhvcNAQwBAzAOBAh6vp39wlHT1AICCAAEOK/3vm6jkCfeJv6iS9cm\n"
    "9DPsCBRWUn568gClVDOumW7SlAsgkNS6BlTva5okapvY39STzSi1wSBK\n"
    "-----END ENCRYPTED PRIVATE KEY-----\n";

/* openssl genpkey -algorithm ec */
static const char pkcs8_p256[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQggwJiG6MEAhVS5FRj\n"
    "WLcGZn0Z3y8dmHGwEtK5uDXYkYWhRANCAARfD8yS17l1+LLN2eoIviBEX+3jCeNq\n"
    "3u0jpFHiiA0xMTc8mElzVd34tzIUb1so6NTdM73hPFlS/elAZ8BGFx37\n"
    "-----END PRIVATE KEY-----\n";

/* The public half of pkcs8_plain, and its signature of "ferry", by openssl. */
static const char pkcs8_point[] =
    "9aa547bc2e14611e2fc6ace216c03d6ca620ee2133d468a1ce133db929e1dfd0";
static const char pkcs8_signature[] =
    "2c2f51f586b2639010653e50746a27c46e1438fc0f6b79595517926447a5dd51"
    "b1c49a406a789e4565f5d975ee1b340b61703b740cee3fe623f7afaf3b0c730a";

#endif
