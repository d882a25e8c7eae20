<?php
// PHP's ext-soap calls every operation of every service; see ../README.md.
//
// Usage: client.php BASE_URL ORDER REFUSED_ORDER
//
// PHP's own web server, with observer.php beside this file, is the observer.

error_reporting(E_ALL);
[, $base, $order_file, $refused_file] = $argv;
$order = file_get_contents($order_file);
$refused = file_get_contents($refused_file);
$count = 0;
const NO_ID = '00000000-0000-4000-8000-000000000000';

function check(string $name, callable $call)
{
    global $count;
    $count++;
    try {
        $result = $call();
    } catch (Throwable $error) {
        fwrite(STDERR, "$name: $error\n");
        $why = preg_replace('/\s+/', ' ', $error->getMessage());
        echo "not ok $count - $name: $why\n";
        return null;
    }
    echo "ok $count - $name\n";
    return $result;
}

function expect(bool $condition, string $what): void
{
    if (!$condition) {
        throw new Exception("expected $what");
    }
}

function wait(string $what, callable $condition)
{
    $end = microtime(true) + 30;
    while (microtime(true) < $end) {
        $value = $condition();
        if ($value) {
            return $value;
        }
        usleep(50000);
    }
    throw new Exception("$what did not happen in 30 s");
}

function load(string $name): SoapClient
{
    global $base;
    return new SoapClient("$base/services/soap/$name?wsdl", [
        'cache_wsdl' => WSDL_CACHE_NONE,
        'exceptions' => true,
        // A list of one is a list, not its member.
        'features' => SOAP_SINGLE_ELEMENT_ARRAYS,
    ]);
}

// Serves both observers in another process; returns [process, port, file].
function serve(): array
{
    global $base;
    $socket = stream_socket_server('tcp://127.0.0.1:0');
    $port = (int) substr(strrchr(stream_socket_get_name($socket, false), ':'), 1);
    fclose($socket);
    $file = getcwd() . '/received';
    touch($file);
    $process = proc_open(
        [PHP_BINARY, '-d', 'soap.wsdl_cache_enabled=0', '-S',
         "127.0.0.1:$port", __DIR__ . '/observer.php'],
        [0 => ['file', '/dev/null', 'r'], 1 => ['file', '/dev/null', 'w'],
         2 => ['file', getcwd() . '/observer.log', 'w']],
        $pipes, null,
        array_merge(getenv(), ['FERRY_BASE' => $base, 'FERRY_FILE' => $file]));
    wait('the observer', fn() => @fsockopen('127.0.0.1', $port));
    return [$process, $port, $file];
}

function received(string $file, string $line): bool
{
    return in_array($line, file($file, FILE_IGNORE_NEW_LINES));
}

function fault(string $detail, string $value, callable $call): void
{
    try {
        $call();
    } catch (SoapFault $fault) {
        expect(isset($fault->detail), "a detail, not {$fault->getMessage()}");
        expect(property_exists($fault->detail, $detail),
            "$detail, not " . json_encode($fault->detail));
        expect($value === '' || str_contains(json_encode($fault->detail), $value),
            "$value, not " . json_encode($fault->detail));
        return;
    }
    throw new Exception('no fault');
}

function plain_fault(string $word, callable $call): void
{
    try {
        $call();
    } catch (SoapFault $fault) {
        expect(str_ends_with($fault->faultcode, 'Client')
            && str_contains($fault->getMessage(), $word), $fault->getMessage());
        return;
    }
    throw new Exception('no fault');
}

$transfer = check('load Transfer-201210', fn() => load('Transfer-201210'));
$job_net = check('load JobNET-200601', fn() => load('JobNET-200601'));
$iscp = check('load IScpTransferNET-200604', fn() => load('IScpTransferNET-200604'));
$f06 = check('load FASPSessionNET-200601', fn() => load('FASPSessionNET-200601'));
$f09 = check('load FASPSessionNET-200911', fn() => load('FASPSessionNET-200911'));

[$process, $port, $file] = check('serve the observers', 'serve');
register_shutdown_function(fn() => proc_terminate($process));
$endpoint = fn($kind) => ['Address' => "http://127.0.0.1:$port/$kind", 'Action' => ''];
$start = ['Topic' => ['Start']];
$job_subscription = check('IScpTransferNET-200604 Subscribe', fn() => $iscp->Subscribe([
    'JobID' => '0', 'JobObserver' => $endpoint('JobObserver'), 'Topics' => $start,
    'Duration' => 600])->SubscriptionResource->ID);
$session_subscription = check('FASPSessionNET-200601 Subscribe', fn() => $f06->Subscribe([
    'SessionID' => '0', 'SessionObserver' => $endpoint('SessionObserver'), 'Topics' => $start,
    'Duration' => 600])->SubscriptionResource->ID);
$both = [['IScpTransferNET-200604', $iscp, $job_subscription],
         ['FASPSessionNET-200601', $f06, $session_subscription]];
foreach ($both as [$where, $service, $id]) {
    check("$where UpdateSubscription", function () use ($service, $id) {
        $resource = $service->UpdateSubscription([
            'SubscriptionID' => $id, 'Topics' => ['Topic' => ['Stop']],
            'Duration' => 900])->SubscriptionResource;
        expect($resource->Topics->Topic === ['Start', 'Stop'], 'two topics');
        expect($resource->TimeRemaining > 600, 'a longer time');
    });
    check("$where ListSubscriptions", function () use ($service, $id) {
        $all = $service->ListSubscriptions()->SubscriptionResource;
        expect(in_array($id, array_column($all, 'ID')), 'our subscription');
    });
}

$list_types = fn($service) => fn() => expect(
    $service->ListTypes()->Type === ['Aspera.IScpTransfer'], 'the type');
$submit = fn($service, $type = 'Aspera.IScpTransfer', $definition = null) =>
    fn() => $service->Submit([
        'Type' => $type, 'Definition' => $definition ?? $order])->JobResult->ID;
check('Transfer-201210 ListTypes', $list_types($transfer));
check('JobNET-200601 ListTypes', $list_types($job_net));
$job = check('Transfer-201210 Submit', $submit($transfer));
$by_job = ['JobId' => [$job]];
$info = fn() => $transfer->GetSessionInfo(
    ['SessionFilter' => $by_job])->SessionInfoResult->SessionInfo[0];
$session = check('the job runs', fn() => wait('running', function () use ($info) {
    $now = $info();
    return $now->Status === 'running' && $now->BytesWritten > 0 ? $now->UUID : null;
}));

$queries = [
    ['GetSessions', 'SessionFilter', 'SessionKeysResult', 'SessionKey', 'UUID'],
    ['GetSessionInfo', 'SessionFilter', 'SessionInfoResult', 'SessionInfo', 'UUID'],
    ['GetSessionStatistics', 'SessionFilter', 'SessionStatisticsResult',
     'SessionStatistics', 'UUID'],
    ['GetFileTransfers', 'FileTransferFilter', 'FileTransferKeysResult',
     'FileTransferKey', 'SessionUUID'],
    ['GetFileTransferInfo', 'FileTransferFilter', 'FileTransferInfoResult',
     'FileTransferInfo', 'SessionUUID'],
    ['GetFileTransferStatistics', 'FileTransferFilter', 'FileTransferStatisticsResult',
     'FileTransferStatistics', 'SessionUUID'],
    ['GetInfo', 'FileTransferFilter', 'InfoResult', 'SessionInfo', 'UUID'],
    ['GetStatistics', 'FileTransferFilter', 'StatisticsResult', 'SessionStatistics', 'UUID'],
];
foreach ([['Transfer-201210', $transfer], ['FASPSessionNET-200911', $f09]] as [$where, $service]) {
    foreach ($queries as [$name, $filter, $result, $row, $id]) {
        check("$where $name", function () use ($service, $name, $filter, $result, $row, $id, $by_job, $session) {
            $answer = $service->$name([$filter => $by_job])->$result;
            expect(count($answer->$row) === 1 && $answer->$row[0]->$id === $session
                && $answer->IterationToken !== '', 'our session, not ' . json_encode($answer));
        });
    }
}

$set = fn($service, $operation, $args, $member, $value) =>
    function () use ($service, $operation, $args, $member, $value, $session, $info) {
        $service->$operation(['SessionID' => $session] + $args);
        $now = $info()->$member;
        expect($now == $value, "$member $value, not $now");
    };
foreach ([['Transfer-201210', $transfer, 0], ['FASPSessionNET-200601', $f06, 1000]] as [$where, $service, $more]) {
    $rates = ['Policy' => 'Fixed', 'TargetRate' => 5000 + $more, 'MinimumRate' => 0,
              'BandwidthCap' => 10000000];
    check("$where SetRateParameters", $set($service, 'SetRateParameters',
        ['RateParameters' => $rates], 'TargetRate', 5000 + $more));
    foreach (['TargetRate' => 7000, 'MinimumRate' => 100, 'BandwidthCap' => 9000] as $member => $value) {
        check("$where Set$member", $set($service, "Set$member",
            [$member => $value + $more], $member, $value + $more));
    }
    check("$where SetPolicy", $set($service, 'SetPolicy', ['Policy' => 'Fair'], 'RatePolicy', 'fair'));
}

$listed = fn($service, $operation, $member, $id) => fn() => expect(
    in_array($id, $service->$operation()->$member), "$id in the list");
check('Transfer-201210 ListJobs', $listed($transfer, 'ListJobs', 'JobID', $job));
check('IScpTransferNET-200604 ListJobs', $listed($iscp, 'ListJobs', 'JobID', $job));
check('IScpTransferNET-200604 QueryJob', function () use ($iscp, $job, $session) {
    $answer = $iscp->QueryJob(['JobID' => $job])->Job;
    expect($answer->ID === $job && $answer->Status->SessionID === $session, 'our job');
    expect($answer->Order->RemoteLocation->System->Password === '********', 'a masked password');
});
check('FASPSessionNET-200601 ListSessions', $listed($f06, 'ListSessions', 'SessionID', $session));
check('FASPSessionNET-200601 QuerySession', fn() => expect(
    $f06->QuerySession(['SessionID' => $session])->Session->SessionID === $session, 'our session'));

$other = check('JobNET-200601 Submit', $submit($job_net));
check('Transfer-201210 CancelSession', fn() => $transfer->CancelSession(['SessionID' => $session]));
check('Transfer-201210 CancelJob', fn() => $transfer->CancelJob(['JobID' => $other]));
$third = check('a third job', $submit($transfer));
check('FASPSessionNET-200601 Cancel', fn() => $f06->Cancel(['SessionID' => $f09->GetSessions(
    ['SessionFilter' => ['JobId' => [$third]]])->SessionKeysResult->SessionKey[0]->UUID]));
$fourth = check('a fourth job', $submit($transfer));
check('IScpTransferNET-200604 Cancel', fn() => $iscp->Cancel(['JobID' => $fourth]));

foreach ([['job', $job], ['session', $session]] as [$kind, $id]) {
    check("observer of {$kind}s", fn() => wait("Start and Stop of $kind", fn() =>
        received($file, "$kind Start $id") && received($file, "$kind Stop $id")));
}
foreach ($both as [$where, $service, $id]) {
    check("$where Unsubscribe", fn() => expect(
        $service->Unsubscribe(['SubscriptionID' => $id])->SubscriptionResource->ID === $id,
        'the subscription that was ended'));
}

check('fault JobTypeNotFoundFaultType', fn() => fault(
    'JobTypeNotFoundFaultType', 'Carrier.Pigeon', $submit($transfer, 'Carrier.Pigeon')));
check('fault JobFormatInvalidFaultType', fn() => fault(
    'JobFormatInvalidFaultType', 'Operation', $submit($transfer, 'Aspera.IScpTransfer', '<Order/>')));
check('fault JobSubmissionErrorFaultType', fn() => fault(
    'JobSubmissionErrorFaultType', 'key', $submit($transfer, 'Aspera.IScpTransfer', $refused)));
check('fault JobNotFoundFaultType', fn() => fault(
    'JobNotFoundFaultType', NO_ID, fn() => $transfer->CancelJob(['JobID' => NO_ID])));
check('fault SessionNotFoundFaultType', fn() => fault(
    'SessionNotFoundFaultType', NO_ID, fn() => $transfer->CancelSession(['SessionID' => NO_ID])));
check('fault SubscriptionNotFoundFaultType of jobs', fn() => fault(
    'SubscriptionNotFoundFaultType', NO_ID, fn() => $iscp->Unsubscribe(['SubscriptionID' => NO_ID])));
check('fault SubscriptionNotFoundFaultType of sessions', fn() => fault(
    'SubscriptionNotFoundFaultType', NO_ID, fn() => $f06->Unsubscribe(['SubscriptionID' => NO_ID])));
check('fault FilterChangedErrorFaultElement', fn() => fault('FilterChangedErrorFaultElement', '',
    fn() => $transfer->GetSessions(['SessionFilter' => ['IterationToken' => 'none']])));
check('fault Client', fn() => plain_fault('MaxResults',
    fn() => $transfer->GetSessionInfo(['SessionFilter' => ['MaxResults' => 0]])));
echo "1..$count\n";
