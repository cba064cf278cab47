// Logins alone. Customary: 20 a second under 200 ms; twice that rate, since each must pay for a password hash.
import http from 'k6/http';
import { check } from 'k6';
import exec from 'k6/execution';
import * as platform from './lib/platform.js';
import { reportAs } from './lib/report.js';
import { steadyLoad } from './lib/schedule.js';

const plan = steadyLoad({ rate: 40, p95: 200, measured: 'login' });
export const options = plan;
export const handleSummary = reportAs('simple-login', plan);

export function setup() {
  return { users: platform.registerUsers(10) };
}

export default function ({ users }) {
  const user = users[exec.scenario.iterationInTest % users.length];
  const answer = http.post(`${platform.BASE}/auth/login`, platform.loginBody(user.email), platform.params('login'));
  const session = platform.bodyOf(answer);
  check(answer, {
    'the login is accepted': ({ status }) => status === 200,
    'it is this user\'s': () => session?.user?.email === user.email && session.accessToken?.length > 100,
  });
}
