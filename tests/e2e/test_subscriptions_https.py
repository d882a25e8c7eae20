"""Observers with https addresses: whose certificate is taken, and whose not."""

import os
import signal
import ssl
import subprocess

import pytest
import zeep

from ferry import order, submit, subscribe, wait_end, wait_until

EVENT = "EventNET-202611"
NAMES = "DNS:localhost,DNS:*.example.test,IP:127.0.0.1,IP:::1"


class Certificates:
    """A folder of authorities and what they sign, made by openssl."""

    def __init__(self, folder):
        self.folder = folder

    def path(self, name):
        return self.folder / name

    def openssl(self, *arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True,
                       capture_output=True)

    def key(self, name, kind):
        self.openssl("genpkey", "-out", self.path(f"{name}.key"),
                     *(("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")
                       if kind == "rsa" else
                       ("-algorithm", "EC", "-pkeyopt",
                        f"ec_paramgen_curve:{kind}")))

    def make(self, name, signer=None, authority=False, names=NAMES, days=2,
             kind="P-256"):
        """Makes name.pem and name.key; `signer` None: it signs itself."""
        self.key(name, kind)
        extensions = self.path(f"{name}.ext")
        extensions.write_text(
            f"basicConstraints=critical,CA:{str(authority).upper()}\n"
            + ("" if authority else f"subjectAltName={names}\n"))
        request = self.path(f"{name}.csr")
        self.openssl("req", "-new", "-key", self.path(f"{name}.key"), "-subj",
                     f"/CN={name}", "-out", request)
        by = (("-CA", self.path(f"{signer}.pem"), "-CAkey",
               self.path(f"{signer}.key"), "-CAcreateserial") if signer else
              ("-signkey", self.path(f"{name}.key")))
        self.openssl("x509", "-req", "-in", request, *by, "-days", days,
                     "-extfile", extensions, "-out", self.path(f"{name}.pem"))

    def context(self, *chain):
        """Shows the chain: the server's own first."""
        whole = self.path("-".join(chain) + ".chain")
        whole.write_text("".join(self.path(f"{name}.pem").read_text()
                                 for name in chain))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(whole, self.path(f"{chain[0]}.key"))
        return context

    def bundle(self, *names):
        path = self.path("bundle.pem")
        path.write_text("".join(self.path(f"{name}.pem").read_text()
                                for name in names))
        return path


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    made = Certificates(tmp_path_factory.mktemp("certificates"))
    made.make("root", authority=True)
    made.make("middle", "root", authority=True, kind="P-384")
    made.make("stranger", authority=True)
    made.make("old-root", authority=True, days=-1)
    made.make("good", "root")
    made.make("good-rsa", "root", kind="rsa")
    made.make("below", "middle")
    made.make("other-name", "root", names="DNS:elsewhere.test,IP:127.0.0.2")
    made.make("common-name", "root", names="email:a@b.test")
    made.make("expired", "root", days=-1)
    made.make("of-stranger", "stranger")
    made.make("of-old", "old-root")
    made.make("of-good", "good")  # which is no authority
    made.make("alone")
    made.make("label", "root", names="DNS:observer,IP:127.0.0.1")
    made.make("star", "root", names="DNS:*")
    return made


@pytest.fixture
def server(make_node, tmp_path):
    """A node whose bundle of authorities is `bundle`."""

    def make(bundle, more="", **options):
        conf = tmp_path / "ferry.conf"
        conf.write_text(f"<CONF><ferry><callback_ca>{bundle}</callback_ca>{more}"
                        "</ferry></CONF>")
        conf.chmod(0o640)
        node = make_node(options=["--config", conf], **options)
        node.conf = conf
        return node.start()

    return make


def fail_a_job(node):
    """A job that ends at once, for its events."""
    (node.docroot / "in").write_bytes(b"x")
    wait_end(node, submit(node, order(node, port=9)))


def failed(node, subscription):
    """Waits for a failed attempt; returns what it says."""
    client = node.client(EVENT)
    return wait_until("a failure", lambda: client.QueryDelivery(
        SubscriptionID=subscription).LastError)


def delivered(observer):
    observer.wait_for("Stop", lambda got: [n for n in got if n.topic == "Stop"])


@pytest.mark.parametrize("chain, host", [
    (("good",), "localhost"),
    (("good",), "LocalHost"),
    (("good",), "127.0.0.1"),
    (("good",), "[::1]"),
    (("good-rsa",), "127.0.0.1"),
    (("below", "middle"), "127.0.0.1"),
])
def test_a_certificate_that_proves_the_name_is_taken(
        server, certificates, observe, chain, host):
    node = server(certificates.bundle("stranger", "root"))
    observer = observe(context=certificates.context(*chain), host=host)
    subscribe(node, observer, "job")
    fail_a_job(node)
    delivered(observer)


AUTHORITY = "no authority that is known here has signed the certificate"
NAME = "the certificate is for another name"


@pytest.mark.parametrize("chain, host, why", [
    (("other-name",), "localhost", NAME),
    (("other-name",), "127.0.0.1", NAME),
    (("other-name",), "[::1]", NAME),
    (("common-name",), "localhost", NAME),
    (("good",), "ip6-localhost", NAME),
    (("expired",), "127.0.0.1",
     "the certificate has expired, or does not hold yet"),
    (("of-stranger",), "127.0.0.1", AUTHORITY),
    (("of-stranger", "stranger"), "127.0.0.1", AUTHORITY),
    (("of-old", "old-root"), "127.0.0.1", AUTHORITY),
    (("below",), "127.0.0.1", AUTHORITY),  # without what is between
    (("alone",), "127.0.0.1", AUTHORITY),
    (("of-good", "good"), "127.0.0.1", None),
])
def test_one_that_does_not_is_refused_and_nothing_is_sent(
        server, certificates, observe, chain, host, why):
    node = server(certificates.bundle("old-root", "root"))
    observer = observe(context=certificates.context(*chain), host=host)
    # "ip6-localhost" is a name without a dot; it need not be known here.
    subscription, = subscribe(node, observer, "job")
    fail_a_job(node)
    error = failed(node, subscription)
    if host != "ip6-localhost" or "resolved" not in error:
        assert why is None or error == why
    assert "certificate" in error or "resolved" in error
    assert not observer.received


def test_an_observer_that_speaks_no_tls_is_said_to(server, certificates,
                                                   observe):
    node = server(certificates.bundle("root"))
    plain = observe()
    plain.url = plain.url.replace("http", "https", 1)
    subscription, = subscribe(node, plain, "job")
    fail_a_job(node)
    assert failed(node, subscription) == "the peer does not speak TLS"


def test_old_versions_are_not_spoken(server, certificates, observe):
    node = server(certificates.bundle("root"))
    old, newer = certificates.context("good"), certificates.context("good")
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    newer.maximum_version = ssl.TLSVersion.TLSv1_2
    first, second = observe(context=old), observe(context=newer)
    subscription, = subscribe(node, first, "job")
    subscribe(node, second, "job")
    fail_a_job(node)
    delivered(second)
    assert "TLS" in failed(node, subscription)
    assert not first.received


def test_only_the_configuration_takes_any_certificate(server, certificates,
                                                      observe):
    context = certificates.context("alone")
    trusted, other = observe(context=context), observe(context=context)
    node = server(certificates.bundle("root"), (
        f"<callback_insecure>127.0.0.1:{trusted.port}</callback_insecure>"
        "<callback_insecure>observer.test</callback_insecure>"))
    subscribe(node, trusted, "job")
    subscription, = subscribe(node, other, "job")
    fail_a_job(node)
    delivered(trusted)
    assert failed(node, subscription) == AUTHORITY
    assert not other.received


def test_a_new_bundle_holds_from_the_reload_on(server, certificates, observe):
    """Also for connections that are kept."""
    observer = observe(context=certificates.context("good"))
    node = server(certificates.bundle("root"))
    subscription, = subscribe(node, observer, "job")
    fail_a_job(node)
    delivered(observer)
    count = len(observer.received)

    certificates.bundle("stranger")
    node.process.send_signal(signal.SIGHUP)
    wait_until("the reload", lambda: "config.reloaded" in node.log())
    fail_a_job(node)
    assert failed(node, subscription) == AUTHORITY
    assert len(observer.received) == count

    certificates.path("bundle.pem").write_text("nothing")
    node.process.send_signal(signal.SIGHUP)
    wait_until("no reload", lambda: "config.kept" in node.log())

    certificates.bundle("root")
    node.process.send_signal(signal.SIGHUP)
    wait_until("the rest", lambda: len(observer.received) > count)


def test_bundles_that_are_none_are_refused_at_the_start(
        binary, certificates, tmp_path):
    for text in (None, "", "-----BEGIN CERTIFICATE-----\nAAAA\n"
                 "-----END CERTIFICATE-----\n"):
        bundle = tmp_path / "bundle.pem"
        if text is not None:
            bundle.write_text(text)
        conf = tmp_path / "ferry.conf"
        conf.write_text(f"<CONF><ferry><callback_ca>{bundle}</callback_ca>"
                        "</ferry></CONF>")
        conf.chmod(0o640)
        done = subprocess.run(
            [binary, "serve", "--state", tmp_path / "state", "--docroot",
             tmp_path, "--config", conf, "--soap", "127.0.0.1:0",
             "--transfer", "127.0.0.1:0"], capture_output=True, text=True,
            timeout=20)
        assert done.returncode == 78 and str(bundle) in done.stderr


def test_the_policy_of_addresses_holds_for_https(server, certificates, observe):
    node = server(certificates.bundle("root"),
                  "<callback_deny>127.0.0.0/8</callback_deny>")
    observer = observe(context=certificates.context("good"))
    with pytest.raises(zeep.exceptions.Fault) as fault:
        subscribe(node, observer, "job")
    assert "denies" in fault.value.message
    named = observe(context=certificates.context("good"), host="localhost")
    subscription, = subscribe(node, named, "job")
    fail_a_job(node)
    assert failed(node, subscription) == "the address is not allowed"
    assert not named.received


@pytest.fixture
def elsewhere(binary, tmp_path):
    """Makes the binary see other files: after `script`, in a file system view
    of its own."""
    if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"]).returncode:
        pytest.skip("needs root, for a file system view of its own")

    def make(script):
        program = tmp_path / "elsewhere"
        program.write_text(f"#!/bin/sh\nexec unshare -m sh -ec '{script}; exec "
                           f"{binary} \"$@\"' sh \"$@\"\n")
        program.chmod(0o700)
        return program

    return make


@pytest.fixture
def observer_is_a_name(elsewhere, tmp_path):
    """The binary where "observer" is the name of this machine."""
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 observer\n")
    return elsewhere(f"mount --bind {hosts} /etc/hosts")


def test_a_name_without_a_dot_is_proved_like_any(
        observer_is_a_name, server, certificates, observe):
    node = server(certificates.bundle("root"), binary=observer_is_a_name)
    for certificate, why in (("label", None), ("good", NAME), ("star", NAME)):
        observer = observe(context=certificates.context(certificate))
        observer.url = observer.url.replace("127.0.0.1", "observer")
        subscription, = subscribe(node, observer, "job")
        fail_a_job(node)
        if why is None:
            delivered(observer)
        else:
            assert failed(node, subscription) == why
            assert not observer.received


NO_BUNDLE = ("for place in /etc/ssl /etc/pki; do if [ -d $place ]; then "
             "mount -t tmpfs none $place; fi; done")


def test_a_system_without_authorities_says_what_to_configure(
        elsewhere, make_node, certificates, observe, tmp_path):
    """https is refused when one subscribes, http is not; what was subscribed
    before, with a bundle, says why it waits; and one that is configured
    mends it."""
    conf = tmp_path / "ferry.conf"
    ca = f"<callback_ca>{certificates.bundle('root')}</callback_ca>"
    insecure = "<callback_insecure>localhost</callback_insecure>"

    def configure(text):
        conf.write_text(f"<CONF><ferry>{text}</ferry></CONF>")
        conf.chmod(0o640)

    configure(ca)
    node = make_node(options=["--config", conf]).start()
    observer = observe(context=certificates.context("good"))
    subscription, = subscribe(node, observer, "job")
    node.stop()

    configure(insecure)
    node.binary = str(elsewhere(NO_BUNDLE))
    node.start()
    with pytest.raises(zeep.exceptions.Fault) as fault:
        subscribe(node, observer, "job")
    assert "callback_ca" in fault.value.message
    plain = observe()
    subscribe(node, plain, "job")
    unchecked = observe(context=certificates.context("alone"),
                        host="localhost")
    subscribe(node, unchecked, "job")
    fail_a_job(node)
    delivered(plain)
    delivered(unchecked)
    assert "ferry/callback_ca" in failed(node, subscription)
    assert not observer.received

    configure(ca)
    node.process.send_signal(signal.SIGHUP)
    node.client(EVENT).Redeliver(SubscriptionID=subscription, AfterSequence=0)
    delivered(observer)
