#include "sim/engine/simgrid/worker.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <new>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace towtank {
namespace {

/// The first byte of every message: how the child's function ended.
enum class Outcome : char { kResult = 'r', kBrokenClaim = 'b', kEnvironmentError = 'e' };

std::string message_of(Outcome outcome, std::string_view body) {
  std::string message(1, static_cast<char>(outcome));
  message += body;
  return message;
}

std::string outcome_of(const std::function<std::string()>& work) {
  try {
    return message_of(Outcome::kResult, work());
  } catch (const EnvironmentError& error) {
    return message_of(Outcome::kEnvironmentError, error.what());
  } catch (const std::bad_alloc&) {
    return message_of(Outcome::kEnvironmentError, "the worker process ran out of memory");
  } catch (const std::exception& error) {
    return message_of(Outcome::kBrokenClaim, error.what());
  }
}

/// False when the reader has gone.
bool write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) {
      return false;
    }
    bytes.remove_prefix(written < 0 ? 0 : static_cast<std::size_t>(written));
  }
  return true;
}

/// Everything until the writer closes its end.
std::string read_all(int descriptor) {
  std::string bytes;
  std::array<char, 1 << 16> buffer;
  while (true) {
    const ssize_t count = read(descriptor, buffer.data(), buffer.size());
    if (count == 0 || (count < 0 && errno != EINTR)) {
      return bytes;
    }
    bytes.append(buffer.data(), count < 0 ? 0 : static_cast<std::size_t>(count));
  }
}

int wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) {
      throw EnvironmentError(std::string("cannot wait for the worker process: ") +
                             std::strerror(errno));
    }
  }
  return status;
}

[[noreturn]] void work_as_child(int descriptor,
                                pid_t parent,
                                const std::function<std::string()>& work) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // an interrupted command leaves no worker behind
  if (getppid() != parent) {
    _exit(1);
  }
  _exit(write_all(descriptor, outcome_of(work)) ? 0 : 1);
}

std::string death_notice(int status) {
  if (WIFSIGNALED(status)) {
    const char* signal_name = sigabbrev_np(WTERMSIG(status));
    return std::string("the worker process was killed by SIG") +
           (signal_name != nullptr ? signal_name : std::to_string(WTERMSIG(status)));
  }
  return "the worker process left with status " + std::to_string(WEXITSTATUS(status)) +
         " before it had a result";
}

}  // namespace

std::string run_in_worker(const std::function<std::string()>& work) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) {
    throw EnvironmentError(std::string("cannot open a pipe: ") + std::strerror(errno));
  }
  std::fflush(nullptr);  // or libraries in the child would flush its copy of our buffers
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    work_as_child(ends[1], parent, work);
  }
  const int fork_error = errno;
  close(ends[1]);
  const std::string message = child > 0 ? read_all(ends[0]) : std::string();
  close(ends[0]);
  if (child < 0) {
    throw EnvironmentError(std::string("cannot start a worker process: ") +
                           std::strerror(fork_error));
  }

  const int status = wait_for(child);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || message.empty()) {
    throw EnvironmentError(death_notice(status));
  }
  switch (static_cast<Outcome>(message.front())) {
    case Outcome::kBrokenClaim:
      throw BrokenClaim(message.substr(1));
    case Outcome::kEnvironmentError:
      throw EnvironmentError(message.substr(1));
    case Outcome::kResult:
      break;
  }
  return message.substr(1);
}

}  // namespace towtank
