// What `python -m benchmarks load --arrivals constant` sends, for teams that have k6. It needs nothing but this file.
//
//     k6 run -e RATE=200 -e DURATION=30s k6.js
//     k6 run -e RATE=20 -e FROM_LANG=en -e TO_LANG=ja -e TEXTS_FILE=./sentences.txt -e RECORDS=16 -e SLO_MS=500 k6.js
//
// The loop is open, with the same gap between any two requests; k6 has no Poisson arrivals. It counts latency from when a
// request was sent: where `dropped_iterations` is not 0, k6 was the limit (raise CLIENTS) and waiting is hidden.
import { check } from 'k6';
import { SharedArray } from 'k6/data';
import exec from 'k6/execution';
import http from 'k6/http';
import { Trend } from 'k6/metrics';

const URL = __ENV.URL || 'http://127.0.0.1:9527';
const LANGUAGES = __ENV.FROM_LANG ? { fromLang: __ENV.FROM_LANG, toLang: __ENV.TO_LANG } : {};
const ENDPOINT = __ENV.ENDPOINT || (__ENV.FROM_LANG ? '/translation' : '/models/synthetic');
const RECORDS = Number(__ENV.RECORDS || 1); // in each request
const CLIENTS = Number(__ENV.CLIENTS || 512); // requests under way at most
const TEXTS = new SharedArray('texts', () =>
  __ENV.TEXTS_FILE
    ? open(__ENV.TEXTS_FILE).split('\n').filter((line) => line.trim())
    : ['Life is like a box of chocolates.'],
);
const STAGES = Object.fromEntries(
  ['queue', 'window', 'compute', 'return'].map((stage) => [stage, new Trend(`stage_${stage}`, true)]),
);
const BATCH = new Trend('batch_jobs'); // as requests met it

export const options = {
  scenarios: {
    open_loop: {
      executor: 'constant-arrival-rate',
      rate: Number(__ENV.RATE || 100),
      timeUnit: '1s',
      duration: __ENV.DURATION || '10s',
      preAllocatedVUs: CLIENTS,
      maxVUs: CLIENTS,
    },
  },
  summaryTrendStats: ['avg', 'med', 'p(90)', 'p(99)', 'p(99.9)', 'max'],
  // The exit status says whether they were kept.
  thresholds: {
    checks: ['rate==1'],
    ...(__ENV.SLO_MS ? { http_req_duration: [`p(99)<=${__ENV.SLO_MS}`] } : {}),
  },
};

// Every text is used, in turn.
function body(number) {
  const records = Array.from({ length: RECORDS }, (_, place) => ({
    id: String(place),
    text: TEXTS[(number * RECORDS + place) % TEXTS.length],
  }));
  return JSON.stringify({ payload: { ...LANGUAGES, records } });
}

export default function () {
  const number = exec.scenario.iterationInTest;
  const reply = http.post(URL + ENDPOINT, body(number), { headers: { 'Content-Type': 'application/json' } });
  check(reply, { 'every record is answered': (one) => one.status === 200 && !String(one.body).includes('"error":{') });
  const timing = reply.headers['Server-Timing'] || '';
  for (const [, stage, milliseconds] of timing.matchAll(/(queue|window|compute|return);dur=([\d.]+)/g)) {
    STAGES[stage].add(Number(milliseconds));
  }
  for (const [, jobs] of timing.matchAll(/batch;desc="(\d+)"/g)) {
    BATCH.add(Number(jobs));
  }
}
