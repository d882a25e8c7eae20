# SOAP::Lite calls every operation of every service; see ../README.md.
#
# Usage: client.pl BASE_URL ORDER REFUSED_ORDER
#
# SOAP::Lite is made for rpc/encoded: its stubs would name the request after
# the operation.  So the WSDL gives address and action, and we the elements.
use strict;
use warnings;

use SOAP::Lite;
use SOAP::Transport::HTTP;

$| = 1;
my ($base, $order_file, $refused_file) = @ARGV;
my $no_id = '00000000-0000-4000-8000-000000000000';
my %ns = (
    job => 'urn:Aspera:XML:JobNET:2006/01:Types',
    isc => 'urn:Aspera:XML:IScpTransferNET:2006/04:Types',
    f06 => 'urn:Aspera:XML:FASPSessionNET:2006/01:Types',
    f09 => 'urn:Aspera:XML:FASPSessionNET:2009/11:Types',
);
my $count = 0;

sub check {
    my ($name, $call) = @_;
    $count++;
    my $result = eval { $call->() };
    if ($@) {
        my $why = $@ =~ s/\s+/ /gr;
        print "not ok $count - $name: $why\n";
        return;
    }
    print "ok $count - $name\n";
    return $result;
}

sub expect { my ($condition, $what) = @_; die "expected $what\n" unless $condition }

sub wait_for {
    my ($what, $condition) = @_;
    for (1 .. 600) {
        my $value = $condition->();
        return $value if $value;
        select undef, undef, undef, 0.05;
    }
    die "$what did not happen in 30 s\n";
}

sub slurp { local (@ARGV, $/) = @_; <> }

# ---- the observers, a process each ----

package Observer;
our @ISA = 'SOAP::Server::Parameters';    # the last argument is the envelope

sub NotifyRequest {
    my $envelope = pop;
    my $kind = $envelope->valueof('//NotifyRequest/Job') ? 'job' : 'session';
    my $id = $envelope->valueof($kind eq 'job' ? '//NotifyRequest/Job/ID'
                                               : '//NotifyRequest/Session/SessionID');
    open my $file, '>>', 'received' or die $!;
    syswrite $file, join(' ', $kind, $envelope->valueof('//NotifyRequest/Topic'), $id) . "\n";
    return;
}

sub SubscriptionNotifyRequest { return }

package main;

my @children;
END { my $code = $?; kill TERM => @children; $? = $code }

sub serve {
    my ($namespace) = @_;
    my $daemon = SOAP::Transport::HTTP::Daemon->new(LocalAddr => '127.0.0.1', LocalPort => 0)
        ->dispatch_with({ $namespace => 'Observer' })->on_action(sub { });
    my $url = $daemon->url;
    my $child = fork // die $!;
    if (!$child) {
        @children = ();
        $SIG{TERM} = 'DEFAULT';
        $daemon->handle;
        exit;
    }
    push @children, $child;
    return $url;
}

sub received {
    my ($kind, $id) = @_;
    my %lines = -e 'received' ? map { $_ => 1 } split /\n/, slurp('received') : ();
    return $lines{"$kind Start $id"} && $lines{"$kind Stop $id"};
}

# ---- calls ----

# Elements from [name => value, ...]; a value may be such a list itself.
sub elements {
    my @pairs = @{ $_[0] };
    my @made;
    while (my ($name, $value) = splice @pairs, 0, 2) {
        # A literal value goes into the message as it is: we escape it.
        $value = ref $value ? \SOAP::Data->value(elements($value))
                            : SOAP::Utils::encode_data($value);
        push @made, SOAP::Data->name($name => $value);
    }
    return @made;
}

# The addresses and actions of a served WSDL.
sub load {
    my ($name) = @_;
    my $schema = SOAP::Schema->schema_url("$base/services/soap/$name?wsdl");
    $schema->parse;
    my ($service) = values %{ $schema->services };
    my %operations = map { $_ => $service->{$_} } keys %$service;
    die "no operations\n" unless %operations;
    return \%operations;
}

# Calls an operation; `element` is the request without its ending.
sub ask {
    my ($service, $operation, $prefix, $element, $children) = @_;
    my $row = $service->{$operation} or die "the WSDL has no $operation\n";
    my $answer = SOAP::Lite->proxy($row->{endpoint}->value)
        ->on_action(sub { '"' . $row->{soapaction}->value . '"' })
        ->autotype(0)->encodingStyle('')->ns($ns{$prefix}, $prefix)->on_fault(sub { $_[1] })
        ->call("$prefix:${element}Request" => elements($children // []));
    die "no SOAP answer: $answer\n" unless ref $answer;
    return $answer;
}

sub call {
    my $answer = ask(@_);
    die $answer->faultstring . "\n" if $answer->fault;
    return $answer;
}

sub fault {
    my ($detail, $value, @what) = @_;
    my ($element) = split / /, $detail;
    check("fault $detail", sub {
        my $answer = ask(@what);
        expect($answer->fault, 'a fault');
        my $found = $answer->match("//detail/$element");
        expect($found, "$element and not " . $answer->faultstring);
        my $inside = $answer->valueof("//detail/$element");
        my $text = ref $inside ? join ' ', values %$inside : '';
        expect(index($text, $value) >= 0, "$value in $text");
    });
}

my $order = slurp($order_file);
my $refused = slurp($refused_file);
my $type = 'Aspera.IScpTransfer';
my %s = map { my $name = $_; $name => check("load $name", sub { load($name) }) }
    qw(Transfer-201210 JobNET-200601 IScpTransferNET-200604 FASPSessionNET-200601 FASPSessionNET-200911);
my ($transfer, $job_net, $iscp, $f06, $f09) = @s{
    qw(Transfer-201210 JobNET-200601 IScpTransferNET-200604 FASPSessionNET-200601 FASPSessionNET-200911)};

my %subscription;
for my $row (['IScpTransferNET-200604', 'isc', 'JobID', 'JobObserver'],
             ['FASPSessionNET-200601', 'f06', 'SessionID', 'SessionObserver']) {
    my ($name, $prefix, $id_member, $observer) = @$row;
    my $service = $s{$name};
    my $url = serve($ns{$prefix});
    my $id = check("$name Subscribe", sub {
        call($service, 'Subscribe', $prefix, 'Subscribe',
            [$id_member => '0', $observer => ["$prefix:Address" => $url, "$prefix:Action" => ''],
             Topics => ["$prefix:Topic" => 'Start'], Duration => 600])->valueof('//SubscriptionResource/ID');
    });
    $subscription{$name} = $id;
    check("$name UpdateSubscription", sub {
        my $answer = call($service, 'UpdateSubscription', $prefix, 'UpdateSubscription',
            [SubscriptionID => $id, Topics => ["$prefix:Topic" => 'Stop'], Duration => 900]);
        my @topics = $answer->valueof('//Topics/Topic');
        expect("@topics" eq 'Start Stop', "two topics and not @topics");
        expect($answer->valueof('//TimeRemaining') > 600, 'a longer time');
    });
    check("$name ListSubscriptions", sub {
        my @ids = call($service, 'ListSubscriptions', $prefix, 'ListSubscriptions')
            ->valueof('//SubscriptionResource/ID');
        expect((grep { $_ eq $id } @ids), "$id in @ids");
    });
}

sub submit {
    my ($service) = @_;
    return call($service, 'Submit', 'job', 'Submit', [Type => $type, Definition => $order])
        ->valueof('//JobResult/ID');
}

sub info {
    my ($job) = @_;
    return call($transfer, 'GetSessionInfo', 'f09', 'GetSessionInfo', [SessionFilter => [JobId => $job]])
        ->valueof('//SessionInfo');
}

for my $name ('Transfer-201210', 'JobNET-200601') {
    check("$name ListTypes", sub {
        expect(call($s{$name}, 'ListTypes', 'job', 'ListTypes')->valueof('//Type') eq $type, $type);
    });
}
my $job = check('Transfer-201210 Submit', sub { submit($transfer) });
my $session = check('the job runs', sub {
    wait_for('running', sub {
        my $now = info($job);
        return $now->{Status} eq 'running' && $now->{BytesWritten} > 0 && $now->{UUID};
    });
});

for my $name ('Transfer-201210', 'FASPSessionNET-200911') {
    for my $row (['GetSessions', 'SessionFilter', '//SessionKey/UUID'],
                 ['GetSessionInfo', 'SessionFilter', '//SessionInfo/UUID'],
                 ['GetSessionStatistics', 'SessionFilter', '//SessionStatistics/UUID'],
                 ['GetFileTransfers', 'FileTransferFilter', '//FileTransferKey/SessionUUID'],
                 ['GetFileTransferInfo', 'FileTransferFilter', '//FileTransferInfo/SessionUUID'],
                 ['GetFileTransferStatistics', 'FileTransferFilter', '//FileTransferStatistics/SessionUUID'],
                 ['GetInfo', 'FileTransferFilter', '//SessionInfo/UUID'],
                 ['GetStatistics', 'FileTransferFilter', '//SessionStatistics/UUID']) {
        my ($operation, $filter, $path) = @$row;
        check("$name $operation", sub {
            my $answer = call($s{$name}, $operation, 'f09', $operation, [$filter => [JobId => $job]]);
            expect($answer->valueof($path) eq $session, 'our session');
            expect($answer->valueof('//IterationToken'), 'a token');
        });
    }
}

for my $name ('Transfer-201210', 'FASPSessionNET-200601') {
    for my $row (['SetRateParameters',
                  [RateParameters => ['f06:Policy' => 'Fixed', 'f06:TargetRate' => 5000,
                                      'f06:MinimumRate' => 0, 'f06:BandwidthCap' => 10000000]],
                  'TargetRate', 5000],
                 ['SetTargetRate', [TargetRate => 7000], 'TargetRate', 7000],
                 ['SetMinimumRate', [MinimumRate => 100], 'MinimumRate', 100],
                 ['SetBandwidthCap', [BandwidthCap => 9000], 'BandwidthCap', 9000],
                 ['SetPolicy', [Policy => 'Fair'], 'RatePolicy', 'fair']) {
        my ($operation, $arguments, $member, $value) = @$row;
        check("$name $operation", sub {
            call($s{$name}, $operation, 'f06', $operation, [SessionID => $session, @$arguments]);
            expect(info($job)->{$member} eq $value, "$member $value");
        });
    }
}

for my $name ('Transfer-201210', 'IScpTransferNET-200604') {
    check("$name ListJobs", sub {
        my @ids = call($s{$name}, 'ListJobs', 'isc', 'ListJobs')->valueof('//JobID');
        expect((grep { $_ eq $job } @ids), $job);
    });
}
check('IScpTransferNET-200604 QueryJob', sub {
    my $answer = call($iscp, 'QueryJob', 'isc', 'QueryJob', [JobID => $job]);
    expect($answer->valueof('//Job/Status/SessionID') eq $session, $session);
    expect($answer->valueof('//RemoteLocation/System/Password') eq '********', 'a masked password');
});
check('FASPSessionNET-200601 ListSessions', sub {
    my @ids = call($f06, 'ListSessions', 'f06', 'ListSessions')->valueof('//SessionID');
    expect((grep { $_ eq $session } @ids), $session);
});
check('FASPSessionNET-200601 QuerySession', sub {
    expect(call($f06, 'QuerySession', 'f06', 'QuerySession', [SessionID => $session])
        ->valueof('//Session/SessionID') eq $session, $session);
});

my $other = check('JobNET-200601 Submit', sub { submit($job_net) });
check('Transfer-201210 CancelSession', sub {
    call($transfer, 'CancelSession', 'f06', 'Cancel', [SessionID => $session]);
});
check('Transfer-201210 CancelJob', sub { call($transfer, 'CancelJob', 'isc', 'Cancel', [JobID => $other]) });
check('FASPSessionNET-200601 Cancel', sub {
    call($f06, 'Cancel', 'f06', 'Cancel', [SessionID => info(submit($transfer))->{UUID}]);
});
check('IScpTransferNET-200604 Cancel', sub {
    call($iscp, 'Cancel', 'isc', 'Cancel', [JobID => submit($transfer)]);
});

check('observer of jobs', sub { wait_for('Start and Stop', sub { received('job', $job) }) });
check('observer of sessions', sub { wait_for('Start and Stop', sub { received('session', $session) }) });
for my $row (['IScpTransferNET-200604', 'isc'], ['FASPSessionNET-200601', 'f06']) {
    my ($name, $prefix) = @$row;
    check("$name Unsubscribe", sub {
        expect(call($s{$name}, 'Unsubscribe', $prefix, 'Unsubscribe',
            [SubscriptionID => $subscription{$name}])->valueof('//SubscriptionResource/ID')
            eq $subscription{$name}, 'our subscription');
    });
}

fault('JobTypeNotFoundFaultType', 'Carrier.Pigeon', $transfer, 'Submit', 'job', 'Submit',
    [Type => 'Carrier.Pigeon', Definition => $order]);
fault('JobFormatInvalidFaultType', 'Operation', $transfer, 'Submit', 'job', 'Submit',
    [Type => $type, Definition => '<Order/>']);
fault('JobSubmissionErrorFaultType', 'key', $transfer, 'Submit', 'job', 'Submit',
    [Type => $type, Definition => $refused]);
fault('JobNotFoundFaultType', $no_id, $transfer, 'CancelJob', 'isc', 'Cancel', [JobID => $no_id]);
fault('SessionNotFoundFaultType', $no_id, $transfer, 'CancelSession', 'f06', 'Cancel',
    [SessionID => $no_id]);
fault('SubscriptionNotFoundFaultType of jobs', $no_id, $iscp, 'Unsubscribe', 'isc', 'Unsubscribe',
    [SubscriptionID => $no_id]);
fault('SubscriptionNotFoundFaultType of sessions', $no_id, $f06, 'Unsubscribe', 'f06', 'Unsubscribe',
    [SubscriptionID => $no_id]);
fault('FilterChangedErrorFaultElement', '', $transfer, 'GetSessions', 'f09', 'GetSessions',
    [SessionFilter => [IterationToken => 'none']]);
check('fault Client', sub {
    my $answer = ask($transfer, 'GetSessionInfo', 'f09', 'GetSessionInfo',
        [SessionFilter => [MaxResults => 0]]);
    expect($answer->faultcode =~ /Client$/ && $answer->faultstring =~ /MaxResults/,
        $answer->faultstring // 'a fault');
});
print "1..$count\n";
