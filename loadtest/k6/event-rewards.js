// Lists the rewards of an event. Customary: 20 a second under 120 ms.
import http from 'k6/http';
import { check } from 'k6';
import exec from 'k6/execution';
import * as platform from './lib/platform.js';
import { reportAs } from './lib/report.js';
import { steadyLoad } from './lib/schedule.js';

const plan = steadyLoad({ rate: 200, p95: 24, measured: 'list' });
export const options = plan;
export const handleSummary = reportAs('event-rewards', plan);

export function setup() {
  const admin = platform.administrator();
  const events = platform.createEvents(admin, 5);
  events.forEach((event) => platform.attachRewards(admin, event));
  return { events, users: platform.logInAll(platform.registerUsers(20)) };
}

export default function ({ events, users }) {
  const number = exec.scenario.iterationInTest;
  const event = events[number % events.length];
  const { token } = users[number % users.length];
  const answer = http.get(`${platform.BASE}/events/${event}/rewards`, platform.params('list', token));
  const rewards = platform.bodyOf(answer);
  check(answer, {
    'the list is answered': ({ status }) => status === 200,
    'it has the rewards in their order': () =>
      Array.isArray(rewards) && platform.REWARDS.length === rewards.length &&
      platform.REWARDS.every(({ type, name }, place) => rewards[place].type === type && rewards[place].name === name),
    'users see what they get but no coupon code': () =>
      rewards?.[0]?.points === 500 && rewards[1]?.quantity === 3 && rewards[3]?.badgeId === 'early-bird' && rewards[2] &&
      !('couponCode' in rewards[2]),
  });
}
