// Allure 3's configuration: one self-contained page, and one line of history per run beside this file.
import { join } from "node:path";

const LABELS = { suite: "Suite", component: "Component", level: "Level", outcome: "Outcome" };

export default {
  name: "Seatrial",
  historyPath: join(import.meta.dirname, "history.jsonl"),
  historyLimit: 50,
  appendHistory: true,
  categories: [
    { name: "FAILED: measured and wrong", matchers: { statuses: ["failed"] }, groupBy: ["severity"] },
    { name: "INVALID: could not be measured", matchers: { statuses: ["broken"] }, groupByMessage: true },
    { name: "NOT-RUN: not granted, not armed or not applicable", matchers: { statuses: ["skipped"] }, groupByMessage: true },
  ],
  plugins: {
    awesome: {
      options: { singleFile: true, reportLanguage: "en", theme: "auto", groupBy: Object.keys(LABELS).slice(0, 2) },
    },
  },
};
