// Claims: each a user's first for an event. Customary: 50 a second under 150 ms.
import http from 'k6/http';
import { check } from 'k6';
import exec from 'k6/execution';
import * as platform from './lib/platform.js';
import { reportAs } from './lib/report.js';
import { iterationsOf, steadyLoad } from './lib/schedule.js';

const plan = steadyLoad({ rate: 500, p95: 30, measured: 'claim' });
export const options = plan;
export const handleSummary = reportAs('event-reward-request', plan);

// Logging somebody in costs a password hash, an event next to nothing: so few users claim many events.
const USERS = 50;
const EVENTS = Math.ceil(iterationsOf(plan) / USERS);

export function setup() {
  const events = platform.createEvents(platform.administrator(), EVENTS);
  return { events, users: platform.logInAll(platform.registerUsers(USERS)) };
}

export default function ({ events, users }) {
  const number = exec.scenario.iterationInTest;
  const user = users[number % users.length];
  const event = events[Math.floor(number / users.length)];
  const answer = http.post(`${platform.BASE}/events/${event}/request`, null, platform.params('claim', user.token));
  const claim = platform.bodyOf(answer);
  check(answer, {
    'the claim is stored': ({ status }) => status === 201,
    'it is this user\'s, for this event, and PENDING': () =>
      claim && platform.isId(claim.id) && claim.userId === user.id && claim.eventId === event && claim.status === 'PENDING',
  });
}

// What was acknowledged is there: each user's claim of the first event, which each has claimed.
export function teardown({ events, users }) {
  users.forEach((user) => {
    const path = `/events/requests?userId=${user.id}&eventId=${events[0]}`;
    const list = platform.bodyOf(http.get(`${platform.BASE}${path}`, platform.params('(afterwards)', user.token)));
    check(list, { 'the user finds the claim afterwards': () => list?.items?.length === 1 && list.items[0].userId === user.id });
  });
}
