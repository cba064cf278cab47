// An operator creates events. Customary: 30 a second under 250 ms.
import http from 'k6/http';
import { check } from 'k6';
import exec from 'k6/execution';
import * as platform from './lib/platform.js';
import { reportAs } from './lib/report.js';
import { steadyLoad } from './lib/schedule.js';

const plan = steadyLoad({ rate: 300, p95: 50, measured: 'create' });
export const options = plan;
export const handleSummary = reportAs('event-creation', plan);

export function setup() {
  const admin = platform.administrator();
  const operator = platform.registerUsers(1)[0];
  platform.giveRoles(admin, operator, ['OPERATOR']);
  return platform.logInAll([operator])[0];
}

export default function (operator) {
  const wanted = platform.eventBody(`Load, created ${exec.scenario.iterationInTest}`);
  const answer = http.post(`${platform.BASE}/events`, JSON.stringify(wanted), platform.params('create', operator.token));
  const event = platform.bodyOf(answer);
  check(answer, {
    'the event is created': ({ status }) => status === 201,
    'it is as it was asked for': () =>
      event && platform.isId(event.id) && event.name === wanted.name && event.createdBy === operator.id &&
      JSON.stringify(event.condition) === JSON.stringify(wanted.condition) && event.phase === 'ONGOING',
  });
}
