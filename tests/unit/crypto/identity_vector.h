/* Throwaway keys, made for these tests alone:
 *   openssl ecparam -name prime256v1 -genkey -noout -out ec.pem
 *   openssl pkcs8 -topk8 -nocrypt -in ec.pem
 *   openssl req -new -x509 -key ec.pem -subj /CN=x -days 9999
 * and the fingerprint, in base64:
 *   openssl pkey -in ec.pem -pubout -outform DER | openssl dgst -sha256 */
#ifndef IDENTITY_VECTOR_H
#define IDENTITY_VECTOR_H

static const char openssl_identity[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgPy2jNZY4duIxo9q+\n"
    "TtPH/kkTGeDN0vIQFFFskdjpIUKhRANCAASbFfu8OAZpUXHCO5ZNIlHWhP7K3ZQa\n"
    "iI8n2XxdxHIIRd43OkN3D8O4YgKpQR7MqxvC3ze33tZzodRPImjN7f+V\n"
    "-----END PRIVATE KEY-----\n"
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBbzCCARWgAwIBAgIUceLvfFCfzN5VDfBZ/PaYciN1jmEwCgYIKoZIzj0EAwIw\n"
    "DDEKMAgGA1UEAwwBeDAgFw0yNjExMjQxMzM1NTdaGA8yMDU0MDQxMDEzMzU1N1ow\n"
    "DDEKMAgGA1UEAwwBeDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABJsV+7w4BmlR\n"
    "ccI7lk0iUdaE/srdlBqIjyfZfF3EcghF3jc6Q3cPw7hiAqlBHsyrG8LfN7fe1nOh\n"
    "1E8iaM3t/5WjUzBRMB0GA1UdDgQWBBRVz/GiMo2JN+SX6tLuv635gJSsYjAfBgNV\n"
    "HSMEGDAWgBRVz/GiMo2JN+SX6tLuv635gJSsYjAPBgNVHRMBAf8EBTADAQH/MAoG\n"
    "CCqGSM49BAMCA0gAMEUCIQDFerNm1HMbCoI2uyuWn31QhV3jktqDgznqInnF8O6e\n"
    "4QIgWwTCneQacK3bTB/Qx4r8VTsiYdKMaVmwP3Kgb/t7YVw=\n"
    "-----END CERTIFICATE-----\n";

static const char openssl_fingerprint[] =
    "SHA256:uardg6CjrnXUaFu7xkJY0wYdLIWF3M/b7DbcwrNd1J0";

static const char openssl_p384[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDBH7xRenNto1PsxyByE\n"
    "Szgblw+0qNdbi9GJ8xLNzINX5HCxSV6dy6F8+5lrk1CGQfOhZANiAAQwK9/RD20C\n"
    "JK324nyD5c5TobGkmlCtER4IyYwWnVL006mZwIdrtSRXYRZvsB1eZPhIOdAqMptx\n"
    "l09c5clmwE0RpnLTl40rPpaDOuREE2IeIpNq8ponXA/Pb7WBdo1PVcw=\n"
    "-----END PRIVATE KEY-----\n"
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBrTCCATKgAwIBAgIUH/6uhK0pimQo9loXxednuqkwRewwCgYIKoZIzj0EAwIw\n"
    "DDEKMAgGA1UEAwwBeDAgFw0yNjExMjQxMzM1NTdaGA8yMDU0MDQxMDEzMzU1N1ow\n"
    "DDEKMAgGA1UEAwwBeDB2MBAGByqGSM49AgEGBSuBBAAiA2IABDAr39EPbQIkrfbi\n"
    "fIPlzlOhsaSaUK0RHgjJjBadUvTTqZnAh2u1JFdhFm+wHV5k+Eg50Coym3GXT1zl\n"
    "yWbATRGmctOXjSs+loM65EQTYh4ik2rymidcD89vtYF2jU9VzKNTMFEwHQYDVR0O\n"
    "BBYEFFLtgrYKV7IYWeE3Ehov/qo/1yTjMB8GA1UdIwQYMBaAFFLtgrYKV7IYWeE3\n"
    "Ehov/qo/1yTjMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDaQAwZgIxALqt\n"
    "23Ijl+1VSKOvy+a+CNv+z/UMqPRFErioLj6gG7m6ID1+jUR+sSGh5oA57znRAQIx\n"
    "AKWsrkuM/KvY5LwKIkvBbvSz7BhI25MxhhlrO4l58xT4joP6kPYIeSgEWh990gQW\n"
    "kQ==\n"
    "-----END CERTIFICATE-----\n";

#endif
