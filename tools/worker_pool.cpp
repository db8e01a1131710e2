#include "tools/worker_pool.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/base/error.hpp"

namespace towtank {
namespace {

using Clock = std::chrono::steady_clock;

constexpr char kDone = '+';
constexpr char kFailed = '-';
constexpr std::size_t kChunk = 65536;
constexpr int kPollMilliseconds = 200;

/// Writes all of it; false when the other end is gone.
bool write_all(int file, const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t written = write(file, data, size);
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written <= 0) {
      return false;
    }
    data += written;
    size -= static_cast<std::size_t>(written);
  }
  return true;
}

bool read_all(int file, char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t got = read(file, data, size);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      return false;
    }
    data += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

/// The life of a worker: takes the number of a piece, answers with a line, until there is no more.
[[noreturn]] void serve(int tasks,
                        int answers,
                        const std::function<std::string(std::size_t)>& work) {
  std::size_t piece = 0;
  while (read_all(tasks, reinterpret_cast<char*>(&piece), sizeof piece)) {
    std::string line;
    try {
      line = kDone + work(piece);
    } catch (const std::exception& error) {
      line = kFailed + std::string(error.what());
    }
    std::ranges::replace(line, '\n', ' ');
    line += '\n';
    if (!write_all(answers, line.data(), line.size())) {
      break;
    }
  }
  _exit(0);  // without the caller's destructors and buffers
}

struct Worker {
  pid_t process = -1;
  int tasks = -1;    // written by us
  int answers = -1;  // read by us
  std::optional<std::size_t> piece;
  Clock::time_point begun;
  std::string received;

  bool alive() const { return process > 0; }
};

class Pool {
 public:
  Pool(const WorkerPool& pool,
       std::size_t pieces,
       const std::function<std::string(std::size_t)>& work,
       const std::function<void(std::size_t, const WorkResult&)>& done)
      : limit_(pool.limit),
        pieces_(pieces),
        work_(work),
        done_(done),
        workers_(std::min(static_cast<std::size_t>(std::max(pool.processes, 1)), pieces)) {}

  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  ~Pool() {
    for (Worker& worker : workers_) {
      if (worker.alive()) {
        kill(worker.process, SIGKILL);
        bury(worker);
      }
    }
  }

  void run() {
    for (Worker& worker : workers_) {
      give_next(worker);
    }
    while (std::ranges::any_of(workers_,
                               [](const Worker& worker) { return worker.piece.has_value(); })) {
      wait_for_answers();
      stop_the_late();
    }
  }

 private:
  void start(Worker& worker) {
    int tasks[2] = {-1, -1};
    int answers[2] = {-1, -1};
    if (pipe(tasks) != 0 || pipe(answers) != 0) {
      throw EnvironmentError(fmt::format("no pipe to a process: {}", std::strerror(errno)));
    }
    std::fflush(nullptr);
    const pid_t process = fork();
    if (process < 0) {
      throw EnvironmentError(fmt::format("no process can be started: {}", std::strerror(errno)));
    }
    if (process == 0) {
      for (const Worker& other : workers_) {  // or they would not see that the caller is gone
        if (other.alive()) {
          close(other.tasks);
          close(other.answers);
        }
      }
      close(tasks[1]);
      close(answers[0]);
      serve(tasks[0], answers[1], work_);
    }
    close(tasks[0]);
    close(answers[1]);
    worker.process = process;
    worker.tasks = tasks[1];
    worker.answers = answers[0];
    worker.received.clear();
  }

  /// Waits for a worker that ends, and says how it did.
  static std::string bury(Worker& worker) {
    close(worker.tasks);
    close(worker.answers);
    int status = 0;
    while (waitpid(worker.process, &status, 0) < 0 && errno == EINTR) {
    }
    worker.process = -1;
    if (WIFSIGNALED(status)) {
      const int signal = WTERMSIG(status);
      return fmt::format("its process was ended by signal {} ({})", signal, strsignal(signal));
    }
    return fmt::format("its process ended with {}", WEXITSTATUS(status));
  }

  void give_next(Worker& worker) {
    worker.piece.reset();
    if (next_ == pieces_) {
      return;
    }
    if (!worker.alive()) {
      start(worker);
    }
    worker.piece = next_++;
    worker.begun = Clock::now();
    const std::size_t piece = *worker.piece;
    // A worker that is gone shows as the end of its answers.
    static_cast<void>(write_all(worker.tasks, reinterpret_cast<const char*>(&piece), sizeof piece));
  }

  void finish(Worker& worker, const WorkResult& result) {
    const std::size_t piece = *worker.piece;
    done_(piece, result);
    give_next(worker);
  }

  void wait_for_answers() {
    std::vector<pollfd> files;
    std::vector<Worker*> owners;
    files.reserve(workers_.size());
    owners.reserve(workers_.size());
    for (Worker& worker : workers_) {
      if (worker.piece) {
        files.push_back({.fd = worker.answers, .events = POLLIN, .revents = 0});
        owners.push_back(&worker);
      }
    }
    if (poll(files.data(), files.size(), kPollMilliseconds) <= 0) {
      return;
    }
    for (std::size_t i = 0; i < files.size(); ++i) {
      if (files[i].revents != 0) {
        receive(*owners[i]);
      }
    }
  }

  void receive(Worker& worker) {
    std::string buffer(kChunk, '\0');
    const ssize_t got = read(worker.answers, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) {
      return;
    }
    if (got <= 0) {
      finish(worker, {.text = "", .failure = bury(worker)});
      return;
    }
    worker.received.append(buffer, 0, static_cast<std::size_t>(got));
    const std::size_t end = worker.received.find('\n');
    if (end == std::string::npos) {
      return;
    }
    const std::string line = worker.received.substr(0, end);
    worker.received.erase(0, end + 1);
    const bool done = !line.empty() && line.front() == kDone;
    const std::string rest = line.empty() ? line : line.substr(1);
    finish(
        worker,
        done ? WorkResult{.text = rest, .failure = ""} : WorkResult{.text = "", .failure = rest});
  }

  void stop_the_late() {
    const auto limit = std::chrono::duration<double>(limit_ / second);
    for (Worker& worker : workers_) {
      if (worker.piece && Clock::now() - worker.begun > limit) {
        kill(worker.process, SIGKILL);
        bury(worker);
        finish(
            worker,
            {.text = "", .failure = fmt::format("it took longer than {:.0f} s", limit_ / second)});
      }
    }
  }

  Seconds limit_;
  std::size_t pieces_;
  const std::function<std::string(std::size_t)>& work_;
  const std::function<void(std::size_t, const WorkResult&)>& done_;
  std::vector<Worker> workers_;
  std::size_t next_ = 0;
};

}  // namespace

void work_in_processes(const WorkerPool& pool,
                       std::size_t pieces,
                       const std::function<std::string(std::size_t)>& work,
                       const std::function<void(std::size_t, const WorkResult&)>& done) {
  // Writing to a worker that is gone is an error to look at, not a signal to die of.
  const auto before = std::signal(SIGPIPE, SIG_IGN);
  Pool(pool, pieces, work, done).run();
  std::signal(SIGPIPE, before);
}

}  // namespace towtank
