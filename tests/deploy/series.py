# SPDX-License-Identifier: GPL-2.0-or-later
"""What a scrape of the default collectors costs a Prometheus."""

import gzip

from common import testlib

SERIES_MAX = 250
OWN_SERIES = 5  # up, scrape_duration_seconds, scrape_samples_scraped, _post_metric_relabeling, scrape_series_added


class Series(testlib.TestCase):
    def test_series(self):
        answer = self.exporter().request()
        samples = testlib.Metrics(answer.text).samples
        self.assertLess(len(samples) + OWN_SERIES, SERIES_MAX)
        print(f"{len(samples)} samples, {len(answer.body)} bytes, {len(gzip.compress(answer.body))} gzipped")


if __name__ == "__main__":
    testlib.main()
