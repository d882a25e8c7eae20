<?php
// A ferry observer in PHP 7.4 and later, without any package: subscribes to the
// jobs of a server and prints each event once.
//
//     php observer.php [http://127.0.0.1:40001 [PORT]]
//
// The same file is what PHP's own web server (or yours) runs for each
// notification.  With FERRY_SECRET=whsec_... (`ferry subscriptions secret ID`)
// it takes only what is signed with it.  What a real one adds: keep the last
// Sequence with the work that an event causes, in one transaction.
const ISC = 'urn:Aspera:XML:IScpTransferNET:2006/04:Types';

function envelope(string $content): string
{
    return '<?xml version="1.0"?><e:Envelope xmlns:e="http://schemas.xmlsoap.'
        . "org/soap/envelope/\"><e:Body>$content</e:Body></e:Envelope>";
}

// Enough for the fields of an event; ext-dom for the rest of it.
function field(string $xml, string $name): string
{
    preg_match("/<(?:\\w+:)?$name>([^<]*)</", $xml, $found);
    return $found[1] ?? '';
}

function is_signed(string $body): bool
{
    $time = $_SERVER['HTTP_WEBHOOK_TIMESTAMP'] ?? '0';
    $content = ($_SERVER['HTTP_WEBHOOK_ID'] ?? '') . ".$time.$body";
    $key = base64_decode(preg_replace('/^whsec_/', '', getenv('FERRY_SECRET')));
    $expected = 'v1,' . base64_encode(hash_hmac('sha256', $content, $key, true));
    foreach (explode(' ', $_SERVER['HTTP_WEBHOOK_SIGNATURE'] ?? '') as $one) {
        if (hash_equals($expected, $one)) {
            return abs(time() - (int) $time) < 300;
        }
    }
    return false;
}

// Prints an event unless it was dealt with; the file is the memory of a process
// that PHP does not have.
function take(string $body): void
{
    $memory = fopen(getenv('FERRY_OBSERVER_MEMORY'), 'c+');
    flock($memory, LOCK_EX);
    $last = (int) stream_get_contents($memory);
    $sequence = (int) field($body, 'Sequence');
    if ($sequence > $last) { // at least once, in order: the rest repeats
        $job = substr($body, strpos($body, '<Job>'));
        file_put_contents('php://stdout', "$sequence " . field($body, 'Topic')
            . ' ' . field($job, 'ID') . "\n");
        rewind($memory);
        fwrite($memory, (string) $sequence);
    }
    fclose($memory);
}

if (PHP_SAPI !== 'cli') { // a notification
    $body = file_get_contents('php://input');
    if (getenv('FERRY_SECRET') && !is_signed($body)) {
        http_response_code(401);
        return;
    }
    preg_match('/<\w+:(Notify|SubscriptionNotify)Request/', $body, $kind);
    if ($kind[1] === 'Notify') {
        take($body);
    }
    header('Content-Type: text/xml; charset=utf-8');
    echo envelope("<n:{$kind[1]}Response xmlns:n=\"" . ISC . '"/>');
    return;
}

$server = $argv[1] ?? 'http://127.0.0.1:40001';
$port = (int) ($argv[2] ?? 0);
if ($port === 0) { // a free one
    $probe = stream_socket_server('tcp://127.0.0.1:0');
    $port = (int) substr(strrchr(stream_socket_get_name($probe, false), ':'), 1);
    fclose($probe);
}
putenv('FERRY_OBSERVER_MEMORY=' . tempnam(sys_get_temp_dir(), 'ferry'));
$web = proc_open([PHP_BINARY, '-q', '-S', "127.0.0.1:$port", __FILE__],
    [1 => STDOUT, 2 => ['file', '/dev/null', 'w']], $pipes);
while (@fsockopen('127.0.0.1', $port) === false) {
    usleep(20000);
}
$answer = file_get_contents("$server/services/soap/IScpTransferNET-200604", false,
    stream_context_create(['http' => [
        'method' => 'POST',
        'header' => 'Content-Type: text/xml; charset=utf-8',
        'content' => envelope('<s:SubscribeRequest xmlns:s="' . ISC . '"><JobID>0'
            . "</JobID><JobObserver><Address>http://127.0.0.1:$port/</Address>"
            . '</JobObserver></s:SubscribeRequest>'),
    ]]));
fwrite(STDERR, 'subscribed ' . field($answer, 'ID') . "\n");
proc_close($web); // runs until it is stopped
