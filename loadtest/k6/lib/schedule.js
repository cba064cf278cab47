// How much load a scenario makes, and what it must come to.

const brief = __ENV.BRIEF === 'true';

// The options of a scenario with a steady rate of iterations. `measured` are the names of the requests that count.
//
// Briefly (BRIEF=true), a tenth of the rate runs for five seconds, and only wrong answers fail it: that is for
// machines that build and test at the same time, whose latencies say nothing.
export function steadyLoad({ rate, p95, measured }) {
  const perSecond = Math.max(1, Math.round(Number(__ENV.RATE || rate) / (brief ? 10 : 1)));
  const seconds = brief ? 5 : Number(__ENV.SECONDS || 30);
  const thresholds = {
    checks: [{ threshold: 'rate==1', abortOnFail: true, delayAbortEval: '2s' }],
    http_req_failed: ['rate==0'],
    iterations: ['count>0'],
    [`http_req_duration{name:${measured}}`]: brief ? [] : [`p(95)<${p95}`],
    // Iterations that found nobody free to run them: the rate was not reached.
    dropped_iterations: brief ? [] : [`count<=${Math.floor(perSecond * seconds * 0.01)}`],
  };
  return {
    scenarios: {
      load: {
        executor: 'constant-arrival-rate',
        rate: perSecond,
        timeUnit: '1s',
        duration: `${seconds}s`,
        preAllocatedVUs: Math.min(200, Math.max(10, Math.ceil(perSecond / 4))),
        maxVUs: 400,
      },
    },
    thresholds,
    setupTimeout: '180s',
    // Kept connections, as a load balancer in front of Guerdon keeps them.
    noConnectionReuse: false,
    discardResponseBodies: false,
    summaryTrendStats: ['min', 'p(5)', 'p(25)', 'p(50)', 'p(75)', 'p(90)', 'p(95)', 'p(99)', 'p(99.9)', 'max'],
  };
}

// Iterations of the whole run, and some more: what must be prepared. To be called before k6 starts: it
// changes the options it is given.
export function iterationsOf(plan) {
  const { rate, duration } = plan.scenarios.load;
  return Math.ceil(rate * (parseInt(duration, 10) + 1));
}
