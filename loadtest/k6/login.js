// A whole session: log in, use the token, log out, and the token is dead. Customary: 20 a second under 200 ms.
// Twice that rate, and not ten times, since each login must pay for a password hash.
import http from 'k6/http';
import { check } from 'k6';
import exec from 'k6/execution';
import * as platform from './lib/platform.js';
import { reportAs } from './lib/report.js';
import { steadyLoad } from './lib/schedule.js';

const plan = steadyLoad({ rate: 40, p95: 200, measured: 'login' });
export const options = plan;
export const handleSummary = reportAs('login', plan);

// Enough that no two sessions of one user overlap: a login ends the session before it.
export function setup() {
  return { users: platform.registerUsers(100) };
}

export default function ({ users }) {
  const user = users[exec.scenario.iterationInTest % users.length];
  const answer = http.post(`${platform.BASE}/auth/login`, platform.loginBody(user.email), platform.params('login'));
  const session = platform.bodyOf(answer);
  const given = check(answer, {
    'the login is accepted': ({ status }) => status === 200,
    'it gives both tokens': () =>
      session?.tokenType === 'Bearer' && session.expiresIn === 900 && session.accessToken?.split('.').length === 3 &&
      session.refreshToken?.length > 20 && session.user?.id === user.id,
  });
  if (!given) return;
  const { accessToken } = session;
  const me = platform.bodyOf(http.get(`${platform.BASE}/users/me`, platform.params('me', accessToken)));
  check(me, { 'the token says who one is': () => me?.id === user.id && me.email === user.email && me.roles?.[0] === 'USER' });
  const end = http.post(`${platform.BASE}/auth/logout`, null, platform.params('logout', accessToken));
  check(end, { 'the logout is accepted': ({ status }) => status === 204 });
  const refused = platform.params('me after logout', accessToken);
  refused.responseCallback = http.expectedStatuses(401);
  const late = http.get(`${platform.BASE}/users/me`, refused);
  const problem = platform.bodyOf(late);
  check(late, { 'the token is dead afterwards': ({ status }) => status === 401 && problem?.code === 'SESSION_REVOKED' });
}
