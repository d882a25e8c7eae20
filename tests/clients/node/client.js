// The SOAP stacks of Node call every operation of every service; ../README.md.
//
// Usage: client.js BASE_URL ORDER REFUSED_ORDER soap|strong-soap
//
// Both have nearly one interface.  What differs is in `stacks` below.
'use strict';
const fs = require('fs');
const http = require('http');

const [base, orderFile, refusedFile, stackName] = process.argv.slice(2);
const order = fs.readFileSync(orderFile, 'utf8');
const refused = fs.readFileSync(refusedFile, 'utf8');
const NO_ID = '00000000-0000-4000-8000-000000000000';

const stacks = {
  soap: {
    library: () => require('soap'),
    // Documents without wrapper: the arguments are the element's children.
    wrap: (operation, args) => args,
    notified: (args) => args,
  },
  'strong-soap': {
    library: () => require('strong-soap').soap,
    // The arguments begin with the request element itself.
    wrap: (operation, args) => ({
      [`${operation.replace(/^Cancel.*/, 'Cancel')}Request`]: args,
    }),
    notified: (args) => args.NotifyRequest || args,
  },
};
const stack = stacks[stackName];
const soap = stack.library();
let count = 0;

async function check(name, call) {
  count++;
  try {
    const result = await call();
    console.log(`ok ${count} - ${name}`);
    return result;
  } catch (error) {
    console.error(name, error);
    const why = String(error.message || error).replace(/\s+/g, ' ');
    console.log(`not ok ${count} - ${name}: ${why.slice(0, 300)}`);
    return undefined;
  }
}

function expect(condition, what) {
  if (!condition) throw new Error(`expected ${what}`);
}

const list = (value) =>
  value === undefined || value === null ? [] : [].concat(value);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function wait(what, condition) {
  const end = Date.now() + 30000;
  while (Date.now() < end) {
    const value = await condition();
    if (value) return value;
    await sleep(50);
  }
  throw new Error(`${what} did not happen in 30 s`);
}

// A function that calls an operation: service(name, arguments) -> answer.
function load(name) {
  return new Promise((resolve, reject) => {
    soap.createClient(`${base}/services/soap/${name}?wsdl`, {}, (error, client) => {
      if (error) {
        reject(error);
        return;
      }
      resolve((operation, args) => new Promise((answered, failed) => {
        client[operation](stack.wrap(operation, args), (problem, value) => {
          if (problem) failed(problem);
          else answered(value || {});
        });
      }));
    });
  });
}

const fetchText = (url) => new Promise((resolve, reject) => {
  http.get(url, (answer) => {
    let text = '';
    answer.on('data', (piece) => { text += piece; });
    answer.on('end', () => resolve(text));
  }).on('error', reject);
});

const received = [];

// Serves both observers by their served WSDLs; returns the server.
async function serve() {
  const server = http.createServer((request, answer) => {
    answer.statusCode = 404;
    answer.end();
  });
  for (const [kind, service] of [['job', 'JobObserver'],
    ['session', 'SessionObserver']]) {
    const wsdl = await fetchText(`${base}/services/soap/${service}?wsdl`);
    const port = {
      Notify(args) {
        const notice = stack.notified(args);
        received.push(kind === 'job'
          ? `job ${notice.Topic} ${notice.Job.ID}`
          : `session ${notice.Topic} ${notice.Session.SessionID}`);
        return {};
      },
      SubscriptionNotify() { return {}; },
    };
    soap.listen(server, `/${kind}`, { [service]: { [`${service}Port`]: port } },
      wsdl);
  }
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  return server;
}

async function fault(detail, value, call) {
  try {
    await call();
  } catch (error) {
    const got = error.root.Envelope.Body.Fault;
    // strong-soap drops an element without content; its text is still there.
    const there = got.detail && (got.detail[detail] !== undefined
      || (stackName === 'strong-soap' && error.body.includes(detail)));
    expect(there, `${detail}, not ${JSON.stringify(got)}`);
    expect(JSON.stringify(got.detail).includes(value), JSON.stringify(got));
    return;
  }
  throw new Error('no fault');
}

async function plainFault(word, call) {
  try {
    await call();
  } catch (error) {
    const got = error.root.Envelope.Body.Fault;
    expect(got.faultcode.endsWith(':Client') && got.faultstring.includes(word),
      JSON.stringify(got));
    return;
  }
  throw new Error('no fault');
}

async function main() {
  const transfer = await check('load Transfer-201210', () => load('Transfer-201210'));
  const jobNet = await check('load JobNET-200601', () => load('JobNET-200601'));
  const iscp = await check('load IScpTransferNET-200604', () => load('IScpTransferNET-200604'));
  const f06 = await check('load FASPSessionNET-200601', () => load('FASPSessionNET-200601'));
  const f09 = await check('load FASPSessionNET-200911', () => load('FASPSessionNET-200911'));

  const server = await check('serve the observers', serve);
  const endpoint = (kind) => ({
    Address: `http://127.0.0.1:${server.address().port}/${kind}`,
    Action: '',
  });
  const jobSubscription = await check('IScpTransferNET-200604 Subscribe', async () =>
    (await iscp('Subscribe', {
      JobID: '0', JobObserver: endpoint('job'), Topics: { Topic: ['Start'] }, Duration: 600,
    })).SubscriptionResource.ID);
  const sessionSubscription = await check('FASPSessionNET-200601 Subscribe', async () =>
    (await f06('Subscribe', {
      SessionID: '0', SessionObserver: endpoint('session'), Topics: { Topic: ['Start'] }, Duration: 600,
    })).SubscriptionResource.ID);

  for (const [where, service, id] of [
    ['IScpTransferNET-200604', iscp, jobSubscription],
    ['FASPSessionNET-200601', f06, sessionSubscription]]) {
    await check(`${where} UpdateSubscription`, async () => {
      const resource = (await service('UpdateSubscription', {
        SubscriptionID: id, Topics: { Topic: ['Stop'] }, Duration: 900,
      })).SubscriptionResource;
      expect(list(resource.Topics.Topic).join() === 'Start,Stop', 'two topics');
      expect(resource.TimeRemaining > 600, 'a longer time');
    });
    await check(`${where} ListSubscriptions`, async () => {
      const answer = await service('ListSubscriptions', {});
      expect(list(answer.SubscriptionResource).some((one) => one.ID === id),
        `${id} in ${JSON.stringify(answer)}`);
    });
  }

  const listTypes = (service) => async () => expect(
    list((await service('ListTypes', {})).Type).join() === 'Aspera.IScpTransfer', 'the type');
  const submit = (service, Type = 'Aspera.IScpTransfer', Definition = order) => async () =>
    (await service('Submit', { Type, Definition })).JobResult.ID;
  await check('Transfer-201210 ListTypes', listTypes(transfer));
  await check('JobNET-200601 ListTypes', listTypes(jobNet));
  const job = await check('Transfer-201210 Submit', submit(transfer));
  const byJob = { JobId: [job] };
  const info = async () => list((await transfer('GetSessionInfo', { SessionFilter: byJob }))
    .SessionInfoResult.SessionInfo)[0];
  const session = await check('the job runs', () => wait('running', async () => {
    const now = await info();
    return now.Status === 'running' && now.BytesWritten > 0 && now.UUID;
  }));

  const queries = [
    ['GetSessions', 'SessionFilter', 'SessionKeysResult', 'SessionKey', 'UUID'],
    ['GetSessionInfo', 'SessionFilter', 'SessionInfoResult', 'SessionInfo', 'UUID'],
    ['GetSessionStatistics', 'SessionFilter', 'SessionStatisticsResult', 'SessionStatistics', 'UUID'],
    ['GetFileTransfers', 'FileTransferFilter', 'FileTransferKeysResult', 'FileTransferKey', 'SessionUUID'],
    ['GetFileTransferInfo', 'FileTransferFilter', 'FileTransferInfoResult', 'FileTransferInfo', 'SessionUUID'],
    ['GetFileTransferStatistics', 'FileTransferFilter', 'FileTransferStatisticsResult',
      'FileTransferStatistics', 'SessionUUID'],
    ['GetInfo', 'FileTransferFilter', 'InfoResult', 'SessionInfo', 'UUID'],
    ['GetStatistics', 'FileTransferFilter', 'StatisticsResult', 'SessionStatistics', 'UUID'],
  ];
  for (const [where, service] of [['Transfer-201210', transfer], ['FASPSessionNET-200911', f09]]) {
    for (const [name, filter, result, row, id] of queries) {
      await check(`${where} ${name}`, async () => {
        const answer = (await service(name, { [filter]: byJob }))[result];
        const rows = list(answer[row]);
        expect(rows.length === 1 && rows[0][id] === session && answer.IterationToken,
          `our session, not ${JSON.stringify(answer)}`);
      });
    }
  }

  const set = (service, operation, args, member, value) => async () => {
    await service(operation, { SessionID: session, ...args });
    const now = await info();
    expect(String(now[member]) === String(value), `${member} ${value}, not ${now[member]}`);
  };
  for (const [where, service, more] of [['Transfer-201210', transfer, 0], ['FASPSessionNET-200601', f06, 1000]]) {
    const rates = { Policy: 'Fixed', TargetRate: 5000 + more, MinimumRate: 0, BandwidthCap: 10000000 };
    await check(`${where} SetRateParameters`,
      set(service, 'SetRateParameters', { RateParameters: rates }, 'TargetRate', 5000 + more));
    await check(`${where} SetTargetRate`,
      set(service, 'SetTargetRate', { TargetRate: 7000 + more }, 'TargetRate', 7000 + more));
    await check(`${where} SetMinimumRate`,
      set(service, 'SetMinimumRate', { MinimumRate: 100 + more }, 'MinimumRate', 100 + more));
    await check(`${where} SetBandwidthCap`,
      set(service, 'SetBandwidthCap', { BandwidthCap: 9000 + more }, 'BandwidthCap', 9000 + more));
    await check(`${where} SetPolicy`, set(service, 'SetPolicy', { Policy: 'Fair' }, 'RatePolicy', 'fair'));
  }

  const isListed = (service, operation, member, id) => async () => expect(
    list((await service(operation, {}))[member]).includes(id), `${id} in the list`);
  await check('Transfer-201210 ListJobs', isListed(transfer, 'ListJobs', 'JobID', job));
  await check('IScpTransferNET-200604 ListJobs', isListed(iscp, 'ListJobs', 'JobID', job));
  await check('IScpTransferNET-200604 QueryJob', async () => {
    const answer = (await iscp('QueryJob', { JobID: job })).Job;
    expect(answer.ID === job && answer.Status.SessionID === session, JSON.stringify(answer));
    expect(answer.Order.RemoteLocation.System.Password === '********', 'a masked password');
  });
  await check('FASPSessionNET-200601 ListSessions', isListed(f06, 'ListSessions', 'SessionID', session));
  await check('FASPSessionNET-200601 QuerySession', async () => expect(
    (await f06('QuerySession', { SessionID: session })).Session.SessionID === session, 'our session'));

  const other = await check('JobNET-200601 Submit', submit(jobNet));
  await check('Transfer-201210 CancelSession', () => transfer(
    'CancelSession', { SessionID: session }));
  await check('Transfer-201210 CancelJob', () => transfer('CancelJob', { JobID: other }));
  const third = await check('a third job', submit(transfer));
  await check('FASPSessionNET-200601 Cancel', async () => f06('Cancel', {
    SessionID: list((await f09('GetSessions', { SessionFilter: { JobId: [third] } }))
      .SessionKeysResult.SessionKey)[0].UUID,
  }));
  const fourth = await check('a fourth job', submit(transfer));
  await check('IScpTransferNET-200604 Cancel', () => iscp('Cancel', { JobID: fourth }));

  for (const [kind, id] of [['job', job], ['session', session]]) {
    await check(`observer of ${kind}s`, () => wait('Start and Stop', async () =>
      received.includes(`${kind} Start ${id}`) && received.includes(`${kind} Stop ${id}`)));
  }
  for (const [where, service, id] of [
    ['IScpTransferNET-200604', iscp, jobSubscription],
    ['FASPSessionNET-200601', f06, sessionSubscription]]) {
    await check(`${where} Unsubscribe`, async () => expect(
      (await service('Unsubscribe', { SubscriptionID: id })).SubscriptionResource.ID === id,
      'the subscription that was ended'));
  }
  server.close();
  server.closeAllConnections();

  await check('fault JobTypeNotFoundFaultType', () => fault(
    'JobTypeNotFoundFaultType', 'Carrier.Pigeon', submit(transfer, 'Carrier.Pigeon')));
  await check('fault JobFormatInvalidFaultType', () => fault(
    'JobFormatInvalidFaultType', 'Operation', submit(transfer, undefined, '<Order/>')));
  await check('fault JobSubmissionErrorFaultType', () => fault(
    'JobSubmissionErrorFaultType', 'key', submit(transfer, undefined, refused)));
  await check('fault JobNotFoundFaultType', () => fault(
    'JobNotFoundFaultType', NO_ID, () => transfer('CancelJob', { JobID: NO_ID })));
  await check('fault SessionNotFoundFaultType', () => fault(
    'SessionNotFoundFaultType', NO_ID, () => transfer('CancelSession', { SessionID: NO_ID })));
  await check('fault SubscriptionNotFoundFaultType of jobs', () => fault(
    'SubscriptionNotFoundFaultType', NO_ID, () => iscp('Unsubscribe', { SubscriptionID: NO_ID })));
  await check('fault SubscriptionNotFoundFaultType of sessions', () => fault(
    'SubscriptionNotFoundFaultType', NO_ID, () => f06('Unsubscribe', { SubscriptionID: NO_ID })));
  await check('fault FilterChangedErrorFaultElement', () => fault(
    'FilterChangedErrorFaultElement', '',
    () => transfer('GetSessions', { SessionFilter: { IterationToken: 'none' } })));
  await check('fault Client', () => plainFault('MaxResults',
    () => transfer('GetSessionInfo', { SessionFilter: { MaxResults: 0 } })));
  console.log(`1..${count}`);
}

main().then(() => process.exit(0), (error) => {
  console.error(error);
  process.exit(1);
});
