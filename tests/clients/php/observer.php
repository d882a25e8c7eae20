<?php
// The observer of client.php: run by `php -S`, a request at a time.  What it
// hears goes to the file of FERRY_FILE, a line each.

class Observer
{
    public function __construct(private string $kind)
    {
    }

    public function Notify($notice)
    {
        $id = $this->kind === 'job' ? $notice->Job->ID : $notice->Session->SessionID;
        file_put_contents(getenv('FERRY_FILE'),
            "$this->kind $notice->Topic $id\n", FILE_APPEND | LOCK_EX);
        return [];
    }

    public function SubscriptionNotify($notice)
    {
        return [];
    }
}

$name = trim($_SERVER['REQUEST_URI'], '/');
if (!in_array($name, ['JobObserver', 'SessionObserver'], true)) {
    http_response_code(404);
    return;
}
$server = new SoapServer(getenv('FERRY_BASE') . "/services/soap/$name?wsdl");
$server->setObject(new Observer($name === 'JobObserver' ? 'job' : 'session'));
$server->handle();
