// SPDX-License-Identifier: Apache-2.0
// What the exporter costs the machine that it watches, beside what other listeners cost: one run,
// printed as ratios. Nothing here passes or fails: a busy machine or another CPU has other numbers.
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <iomanip>
#include <iostream>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/e2e/harness/error.h"
#include "tests/e2e/harness/exporter.h"
#include "tests/e2e/harness/machine.h"

namespace cnproc::e2e {
namespace {

constexpr char kUsage[] =
    "Measures what listening to the process connector costs, on this machine, as root.\n"
    "usage: cnproc_bench [--pairs=7] [--forks=20000] [--scrapes=1000] [--only=SECTION]...\n"
    "                    [EXPORTER_FLAG...]\n\n"
    "  forks   fork rate with a listener against none, in interleaved pairs: a storm pinned to "
    "one\n"
    "          CPU, then one on every CPU; and the listener's CPU time per event. Listeners: the\n"
    "          exporter with the flags given, readers that do nothing with the events (one "
    "without\n"
    "          exit records, one with them), one that wakes for each event, and Debian's forkstat\n"
    "          if it is installed.\n"
    "  execs   the exporter's CPU time for each program started, named and divided\n"
    "  scrape  how long a scrape takes, quiet and in a storm\n"
    "  idle    memory, CPU time and wake-ups of an exporter that has nothing to do\n"
    "  start   from exec to ready\n\n"
    "The median of the pairs is what to look at; how far they spread says how quiet the machine\n"
    "is. End what else runs. cnproc_workload makes the storms.\n";

struct Settings {
  int pairs = 7;
  int forks = 20000;
  int scrapes = 1000;
  std::vector<std::string> sections;
  Command exporter_flags;
};

double Quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  return values[static_cast<size_t>(q * static_cast<double>(values.size() - 1) + 0.5)];
}

double Median(const std::vector<double>& values) { return Quantile(values, 0.5); }

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Something that listens, running until the end of its scope.
class Listener {
 public:
  virtual ~Listener() = default;
  virtual pid_t pid() const = 0;
};

class ExporterListener final : public Listener {
 public:
  explicit ExporterListener(const Command& flags) : exporter_({.flags = flags}) {}
  pid_t pid() const override { return exporter_.pid(); }

 private:
  Exporter exporter_;
};

class ProgramListener final : public Listener {
 public:
  explicit ProgramListener(const Command& command) : process_(command, {}) {
    std::this_thread::sleep_for(milliseconds(300));
    if (process_.Poll()) Fail(command[0] + " ended at once");
  }
  pid_t pid() const override { return process_.pid(); }

 private:
  Process process_;
};

struct Contestant {
  std::string name;
  std::function<std::unique_ptr<Listener>()> start;
};

std::string Beside(const std::string& name) {
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  return self.substr(0, self.rfind('/') + 1) + name;
}

std::vector<Contestant> Contestants(const Settings& settings) {
  const auto program = [](const Command& command) {
    return [command] { return std::make_unique<ProgramListener>(command); };
  };
  std::vector<Contestant> all = {
      {"cnproc_exporter",
       [&] { return std::make_unique<ExporterListener>(settings.exporter_flags); }},
      {"bare reader", program({Beside("cnproc_reader"), "bare"})},
      {"bare, taskstats", program({Beside("cnproc_reader"), "taskstats"})},
      {"naive reader", program({Beside("cnproc_reader"), "naive"})}};
  if (access("/usr/bin/forkstat", X_OK) == 0) all.push_back({"forkstat", program({"forkstat"})});
  return all;
}

struct Measured {
  std::vector<double> ratios;
  std::vector<double> microseconds_per_event;
};

// One pair: the same storm without and with the listener.
void MeasurePair(const Contestant& contestant, const Command& storm, double events, Measured& out) {
  const double alone = Printed(RunWorkload(storm), "rate");
  const auto listener = contestant.start();
  const double before = UsageOf(listener->pid()).cpu_seconds;
  const double watched = Printed(RunWorkload(storm), "rate");
  std::this_thread::sleep_for(milliseconds(50));  // the last of the storm is read
  const double cpu = UsageOf(listener->pid()).cpu_seconds - before;
  out.ratios.push_back(watched / alone);
  out.microseconds_per_event.push_back(cpu * 1e6 / events);
}

void BenchForks(const Settings& settings) {
  const std::string all_cpus = CpuList();
  const std::string one_cpu = all_cpus.substr(0, all_cpus.find(','));
  for (const std::string& cpus : {one_cpu, all_cpus}) {
    const Command storm = {"storm", std::to_string(settings.forks), cpus};
    std::cout << "\nforks on CPU " << cpus << ", " << settings.pairs << " pairs of "
              << settings.forks << "\n"
              << "  listener          rate against none  (least, most)   CPU per event\n";
    const std::vector<Contestant> contestants = Contestants(settings);
    std::vector<Measured> measured(contestants.size());
    for (int pair = 0; pair < settings.pairs; ++pair) {
      for (size_t i = 0; i < contestants.size(); ++i) {
        MeasurePair(contestants[i], storm, 2.0 * settings.forks, measured[i]);
      }
    }
    for (size_t i = 0; i < contestants.size(); ++i) {
      const Measured& m = measured[i];
      std::cout << "  " << std::left << std::setw(18) << contestants[i].name << std::fixed
                << std::setprecision(3) << Median(m.ratios) << "              ("
                << Quantile(m.ratios, 0) << ", " << Quantile(m.ratios, 1) << ")  "
                << std::setprecision(2) << Median(m.microseconds_per_event) << " us\n";
    }
  }
}

void BenchExecs(const Settings& settings) {
  constexpr int kPrograms = 5000;
  std::vector<double> microseconds_each;
  double lost = 0;
  for (int i = 0; i < settings.pairs; ++i) {
    const Exporter exporter({.flags = settings.exporter_flags});
    const double before = UsageOf(exporter.pid()).cpu_seconds;
    RunWorkload({"execs", std::to_string(kPrograms), CpuList()});
    std::this_thread::sleep_for(milliseconds(50));
    microseconds_each.push_back((UsageOf(exporter.pid()).cpu_seconds - before) * 1e6 / kPrograms);
    lost += exporter.Scrape().Sum("cnproc_events_lost_total");
  }
  std::cout << std::fixed << std::setprecision(1) << "\n"
            << settings.pairs << " times " << kPrograms << " programs started on every CPU\n"
            << "  " << Median(microseconds_each) << " us of CPU each ("
            << Quantile(microseconds_each, 0) << ", " << Quantile(microseconds_each, 1) << "), "
            << std::setprecision(0) << lost << " events lost\n";
}

void PrintLatencies(const char* when, const Exporter& exporter, int scrapes) {
  std::vector<double> milliseconds_each;
  for (int i = 0; i < scrapes; ++i) {
    const std::chrono::duration<double, std::milli> taken = TimeOf(exporter.port());
    milliseconds_each.push_back(taken.count());
  }
  std::cout << std::fixed << std::setprecision(2) << "  " << std::left << std::setw(14) << when
            << "p50 " << Median(milliseconds_each) << " ms  p99 "
            << Quantile(milliseconds_each, 0.99) << " ms  most " << Quantile(milliseconds_each, 1)
            << " ms\n";
}

void BenchScrape(const Settings& settings) {
  const Exporter exporter({.flags = settings.exporter_flags});
  std::cout << "\n"
            << settings.scrapes << " scrapes, " << exporter.Get().body.size() << " bytes each\n";
  PrintLatencies("quiet", exporter, settings.scrapes);
  // As long as the scrapes take; killed when they are done.
  Process storm({WorkloadBinary(), "storm", "10000000", CpuList()}, {});
  std::this_thread::sleep_for(milliseconds(200));
  PrintLatencies("in a storm", exporter, settings.scrapes);
}

void BenchIdle(const Settings& settings) {
  constexpr double kSeconds = 10;
  const Exporter exporter({.flags = settings.exporter_flags});
  exporter.Get();
  std::this_thread::sleep_for(seconds(2));
  const double events_before = exporter.Scrape().Sum("cnproc_events_total");
  const Usage before = UsageOf(exporter.pid());
  std::this_thread::sleep_for(milliseconds(static_cast<int>(kSeconds * 1000)));
  const Usage after = UsageOf(exporter.pid());
  const double events = exporter.Scrape().Sum("cnproc_events_total") - events_before;
  std::cout << std::fixed << std::setprecision(1) << "\nidle for " << kSeconds << " s ("
            << std::setprecision(0) << events << " events of others)\n  resident "
            << std::setprecision(1) << static_cast<double>(after.resident_bytes) / (1 << 20)
            << " MiB, CPU " << std::setprecision(3)
            << (after.cpu_seconds - before.cpu_seconds) / kSeconds * 100 << " %, wake-ups "
            << static_cast<double>(after.wakeups - before.wakeups) / kSeconds << "/s\n";
}

void BenchStart(const Settings& settings) {
  std::vector<double> times;
  for (int i = 0; i < 10; ++i) {
    const auto start = Clock::now();
    const Exporter exporter({.flags = settings.exporter_flags});
    times.push_back(SecondsSince(start) * 1e3);
  }
  std::cout << std::fixed << std::setprecision(0) << "\nready after " << Median(times)
            << " ms (most " << Quantile(times, 1) << " ms; asked every 10 ms)\n";
}

struct Section {
  const char* name;
  void (*run)(const Settings& settings);
};

constexpr Section kSections[] = {{"start", BenchStart},
                                 {"idle", BenchIdle},
                                 {"scrape", BenchScrape},
                                 {"execs", BenchExecs},
                                 {"forks", BenchForks}};

// The rest of word after "--name=", if it begins so.
std::optional<std::string> Value(const std::string& word, const std::string& name) {
  const std::string prefix = "--" + name + "=";
  if (word.rfind(prefix, 0) != 0) return std::nullopt;
  return word.substr(prefix.size());
}

Settings Parse(std::span<char* const> words) {
  Settings settings;
  for (const std::string word : words) {
    if (const auto pairs = Value(word, "pairs")) {
      settings.pairs = std::stoi(*pairs);
    } else if (const auto forks = Value(word, "forks")) {
      settings.forks = std::stoi(*forks);
    } else if (const auto scrapes = Value(word, "scrapes")) {
      settings.scrapes = std::stoi(*scrapes);
    } else if (const auto section = Value(word, "only")) {
      settings.sections.push_back(*section);
    } else {
      settings.exporter_flags.push_back(word);
    }
  }
  return settings;
}

int Bench(std::span<char* const> words) {
  if (!words.empty() && std::string(words[0]) == "--help") {
    std::cout << kUsage;
    return 0;
  }
  const Settings settings = Parse(words);
  for (const Section& section : kSections) {
    const bool wanted =
        settings.sections.empty() ||
        std::count(settings.sections.begin(), settings.sections.end(), section.name) != 0;
    if (wanted) section.run(settings);
    std::cout << std::flush;
  }
  return 0;
}

}  // namespace
}  // namespace cnproc::e2e

int main(int argc, char** argv) {
  try {
    return cnproc::e2e::Bench(std::span(argv + 1, static_cast<size_t>(argc - 1)));
  } catch (const std::exception& error) {
    std::cerr << "cnproc_bench: " << error.what() << '\n';
    return 1;
  }
}
